import { type Phase, phaseOf, type Progress, type RegisteredUser, type UserSyncError } from 'clerk-sync'
import { useUserSyncContext } from './context'
import { useProgress } from './useProgress'
import { useUserProfile } from './useUserProfile'

export interface UserSyncStatus {
  phase: Phase
  /** There when the phase is `ready`. */
  user: RegisteredUser | undefined
  error: UserSyncError | null
  /** Where the wait has come to, while there is one. */
  progress: Progress | undefined
  /** Starts a whole wait anew. */
  retry: () => void
}

/** Where the person stands, in one word, and what to show of it. */
export function useUserSyncStatus(): UserSyncStatus {
  const { auth } = useUserSyncContext()
  const { data, error, refetch } = useUserProfile()
  const phase = phaseOf(auth, { user: data, error })
  const progress = useProgress()
  return { phase, user: phase === 'ready' ? data : undefined, error, progress, retry: refetch }
}
