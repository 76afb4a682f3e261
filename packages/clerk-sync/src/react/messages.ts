import type { Progress, UserSyncError } from 'clerk-sync'

type Text<A> = string | ((about: A) => string)

/** What is said; in any language. */
export interface Messages {
  pending: string
  /** After 5 s. */
  slow: string
  /** After 15 s. */
  slower: string
  offline: string
  /** Shown beside, not spoken. */
  attempt: Text<Progress>
  error: Text<UserSyncError>
  retry: string
  signOut: string
  /** What support can look for. */
  reference: Text<string>
}

export const defaultMessages: Messages = {
  pending: 'Setting up your account…',
  slow: 'Still setting up your account…',
  slower: 'This takes longer than usual. It goes on by itself.',
  offline: 'You are offline. It goes on once you are back.',
  attempt: ({ attempt }) => `(attempt ${attempt})`,
  error: ({ code }) => ERRORS[code] ?? 'We could not set up your account.',
  retry: 'Try again',
  signOut: 'Sign out',
  reference: (id) => `Reference: ${id}`,
}

const ERRORS: Partial<Record<UserSyncError['code'], string>> = {
  not_synced: 'Setting up your account takes longer than it should. We keep trying.',
  deleted: 'This account was deleted.',
  forbidden: 'This account may not be used.',
  signed_out: 'You are signed out. Sign in again.',
}

export const say = <A>(text: Text<A>, about: A): string => (typeof text === 'function' ? text(about) : text)
