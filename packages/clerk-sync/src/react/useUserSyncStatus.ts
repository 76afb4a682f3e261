import { type Phase, phaseOf, type Progress, progressOf, type RegisteredUser, type UserSyncError } from 'clerk-sync'
import { useCallback, useSyncExternalStore } from 'react'
import { useUserSyncContext } from './context'
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
  const { sync, auth } = useUserSyncContext()
  const { data, error, refetch } = useUserProfile()
  const phase = phaseOf(auth, { user: data, error })
  const store = progressOf(sync)
  const progress = useSyncExternalStore(store.subscribe, () => store.current(auth.userId), () => undefined)
  const retry = useCallback(() => void refetch(), [refetch])
  return { phase, user: phase === 'ready' ? data : undefined, error, progress, retry }
}
