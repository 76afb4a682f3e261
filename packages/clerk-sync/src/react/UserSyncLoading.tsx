import type { Progress, UserSyncError } from 'clerk-sync'
import { type ReactNode, useEffect, useState } from 'react'
import { defaultMessages, fill, type Messages } from './messages'

export interface UserSyncLoadingProps {
  progress?: Progress | undefined
  error?: UserSyncError | null | undefined
  /** Shown beside an error, unless the account was deleted: that cannot be tried again. */
  onRetry?: (() => void) | undefined
  /** Shows a button to sign out beside an error. */
  onSignOut?: (() => void) | undefined
  messages?: Partial<Messages> | undefined
  className?: string | undefined
}

/** What a person sees meanwhile. Unstyled: `data-clerk-sync` names the parts, `clerk-sync/styles.css` dresses them. */
export function UserSyncLoading({ progress, error, onRetry, onSignOut, messages, className }: UserSyncLoadingProps): ReactNode {
  const text = { ...defaultMessages, ...messages }
  const waiting = !error
  const [step, setStep] = useState<'pending' | 'slow' | 'slower'>()
  useEffect(() => {
    if (!waiting) return
    // At first nothing is said, since most waits are shorter.
    const timers = [
      setTimeout(setStep, 400, 'pending'),
      setTimeout(setStep, 5000, 'slow'),
      setTimeout(setStep, 15_000, 'slower'),
    ]
    return () => {
      timers.forEach(clearTimeout)
      setStep(undefined)
    }
  }, [waiting])

  if (!error) {
    // The container is there before its text, or screen readers would not notice the text; no attempt is spoken.
    return (
      <div data-clerk-sync="loading" className={className} role="status">
        {step && <span data-clerk-sync="spinner" aria-hidden />}
        {step && <span data-clerk-sync="text">{text[progress?.type === 'offline' ? 'offline' : step]}</span>}
        {step && progress && progress.attempt > 1 && (
          <span data-clerk-sync="attempt" aria-hidden>
            {fill(text.attempt, progress)}
          </span>
        )}
      </div>
    )
  }
  if (error.code === 'deleted') onRetry = undefined
  return (
    // Another error is another alert, and its first button takes the focus.
    <div data-clerk-sync="error" className={className} key={error.code}>
      <div role="alert">
        <p data-clerk-sync="text">{fill(text.error, error)}</p>
        {error.requestId && <p data-clerk-sync="reference">{fill(text.reference, error.requestId)}</p>}
      </div>
      {onRetry && (
        <button data-clerk-sync="retry" type="button" onClick={onRetry} autoFocus>
          {text.retry}
        </button>
      )}
      {onSignOut && (
        <button data-clerk-sync="sign-out" type="button" onClick={onSignOut} autoFocus={!onRetry}>
          {text.signOut}
        </button>
      )}
    </div>
  )
}
