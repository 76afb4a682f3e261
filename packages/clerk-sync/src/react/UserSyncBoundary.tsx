import type { RegisteredUser } from 'clerk-sync'
import type { ReactNode } from 'react'
import type { Messages } from './messages'
import { UserSyncLoading } from './UserSyncLoading'
import { type UserSyncStatus, useUserSyncStatus } from './useUserSyncStatus'

export interface UserSyncBoundaryProps {
  children: ReactNode | ((user: RegisteredUser) => ReactNode)
  /** Shown instead of `UserSyncLoading`, while syncing and after. */
  fallback?: ReactNode | ((status: UserSyncStatus) => ReactNode)
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
  const { phase, user, error, progress, retry } = status
  if (phase === 'auth-loading') return null
  if (phase === 'signed-out') return signedOut ?? null
  if (phase === 'auth-pending') return pending ?? null
  if (phase === 'ready') return typeof children === 'function' ? children(user as RegisteredUser) : children
  if (fallback !== undefined) return typeof fallback === 'function' ? fallback(status) : fallback
  return (
    <div data-clerk-sync="boundary" data-phase={phase}>
      <UserSyncLoading progress={progress} error={error} onRetry={retry} {...shown} />
    </div>
  )
}
