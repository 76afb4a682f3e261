import { useSignIn } from '@clerk/react'
import { useState } from 'react'
import { Link, useLocation } from 'wouter'
import { EmailForm } from './EmailForm'

/** An address, a code, and on to the app. */
export function SignIn() {
  const { signIn } = useSignIn()
  const [, navigate] = useLocation()
  const [sent, setSent] = useState(false)

  const sendCode = async (emailAddress: string) => {
    const { error } = await signIn.emailCode.sendCode({ emailAddress })
    setSent(!error)
    return error
  }
  const verify = async (code: string) => {
    const { error } = await signIn.emailCode.verifyCode({ code })
    if (error) return error
    const done = await signIn.finalize({ navigate: ({ decorateUrl }) => navigate(decorateUrl('/')) })
    return done.error
  }
  return (
    <>
      <h1>Sign in</h1>
      <EmailForm sent={sent} sendCode={sendCode} verify={verify} />
      <p>
        New here? <Link href="/sign-up">Sign up</Link>
      </p>
    </>
  )
}
