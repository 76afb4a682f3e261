import type { RegisteredUser } from 'clerk-sync'
import type { ReactNode } from 'react'
import { fill, type Messages, type Slot } from './messages'
import { UserSyncLoading } from './UserSyncLoading'
import { type UserSyncStatus, useUserSyncStatus } from './useUserSyncStatus'

export interface UserSyncBoundaryProps {
  children: Slot<RegisteredUser>
  /** Shown instead of `UserSyncLoading`, while syncing and after. */
  fallback?: Slot<UserSyncStatus>
  signedOut?: ReactNode
  /** For a session with tasks to finish. */
  pending?: ReactNode
  onSignOut?: () => void
  messages?: Partial<Messages>
  className?: string
}

/** Shows its children once the signed-in user has a record, whatever way they came in: sign-up, OAuth, a link, an old session. */
export function UserSyncBoundary({ children, fallback, signedOut, pending, ...shown }: UserSyncBoundaryProps): ReactNode {
  const status = useUserSyncStatus()
  const { phase } = status
  if (phase === 'ready') return fill(children, status.user as RegisteredUser)
  if (phase === 'auth-loading') return null
  if (phase === 'signed-out') return signedOut
  if (phase === 'auth-pending') return pending
  if (fallback !== undefined) return fill(fallback, status)
  return (
    <div data-clerk-sync="boundary" data-phase={phase}>
      <UserSyncLoading {...status} onRetry={status.retry} {...shown} />
    </div>
  )
}
