import type { Progress, UserSyncError } from 'clerk-sync'
import type { ReactNode } from 'react'

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
  slower: 'Setting up your account takes longer than usual…',
  offline: 'You are offline.',
  attempt: (progress) => `(attempt ${progress.attempt})`,
  error: (error) => (error.code === 'deleted' ? 'This account was deleted.' : 'Your account could not be set up.'),
  retry: 'Try again',
  signOut: 'Sign out',
  reference: (id) => `Reference: ${id}`,
}

/** Something to show, or how to make it. */
export type Slot<A> = ReactNode | ((about: A) => ReactNode)

export const fill = <A>(slot: Slot<A>, about: A): ReactNode => (typeof slot === 'function' ? slot(about) : slot)
