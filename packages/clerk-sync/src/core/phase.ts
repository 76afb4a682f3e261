import type { UserSyncError } from './errors'
import type { Auth } from './types'

/** Where a person stands. */
export type Phase =
  /** Clerk has not said yet who it is: show nothing. */
  | 'auth-loading'
  | 'signed-out'
  /** Signed in but for tasks of the session that are to be finished. */
  | 'auth-pending'
  /** The record is being waited for. */
  | 'syncing'
  /** It takes longer than it should; it is still asked for, slowly. */
  | 'delayed'
  | 'ready'
  /** Asking again would not help. */
  | 'error'

/** What is known of the record. */
export interface Known {
  user: unknown
  error: UserSyncError | null
}

/** After these, what was cached of the user is not shown any more. */
const FINAL = /deleted|forbidden|signed_out/

export function phaseOf(auth: Auth, { user, error }: Known): Phase {
  if (!auth.isLoaded) return 'auth-loading'
  if (!auth.userId) return 'signed-out'
  if (!auth.isSignedIn || error?.serverCode === 'session_pending') return 'auth-pending'
  if (user !== undefined && !(error && FINAL.test(error.code))) return 'ready'
  return error ? (error.retryable ? 'delayed' : 'error') : 'syncing'
}
