import { useSignUp } from '@clerk/react'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { EmailForm } from './EmailForm'

/** An address, a code, and on to the gate; nothing is waited for here. */
export function SignUp() {
  const { signUp } = useSignUp()
  const [, navigate] = useLocation()
  const [sent, setSent] = useState(false)

  const sendCode = async (emailAddress: string) => {
    const { error } = await signUp.create({ emailAddress })
    if (error) return error
    const sending = await signUp.verifications.sendEmailCode()
    setSent(!sending.error)
    return sending.error
  }
  const verify = async (code: string) => {
    const { error } = await signUp.verifications.verifyEmailCode({ code })
    if (error) return error
    // The row may not be there yet. `/welcome` is behind the gate, which waits the right way.
    const done = await signUp.finalize({ navigate: ({ decorateUrl }) => navigate(decorateUrl('/welcome')) })
    return done.error
  }
  return (
    <>
      <h1>Sign up</h1>
      <EmailForm sent={sent} sendCode={sendCode} verify={verify} />
      {/* Clerk's protection against robots puts itself here, where the instance has it switched on. */}
      <div id="clerk-captcha" />
      <p>
        Been here before? <Link href="/sign-in">Sign in</Link>
      </p>
    </>
  )
}
