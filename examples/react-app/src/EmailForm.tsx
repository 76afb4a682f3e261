import { type FormEvent, useState } from 'react'

type Answer = Promise<{ message: string } | null>

interface EmailFormProps {
  /** Whether the code is on its way, and asked for next. */
  sent: boolean
  sendCode: (address: string) => Answer
  verify: (code: string) => Answer
}

/** Asks for an address, then for the code sent to it. */
export function EmailForm({ sent, sendCode, verify }: EmailFormProps) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const value = String(new FormData(event.currentTarget).get(sent ? 'code' : 'email'))
    setBusy(true)
    setProblem(undefined)
    const error = await (sent ? verify(value) : sendCode(value))
    setProblem(error?.message)
    setBusy(false)
  }
  return (
    <form onSubmit={submit}>
      {sent ? (
        <label>
          Code from the e-mail <input key="code" name="code" inputMode="numeric" autoComplete="one-time-code" required autoFocus />
        </label>
      ) : (
        <label>
          E-mail <input key="email" name="email" type="email" autoComplete="email" required />
        </label>
      )}
      <button disabled={busy}>{sent ? 'Continue' : 'Send me a code'}</button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  )
}
