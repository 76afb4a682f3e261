import { onProgress, type Progress, progressOf } from 'clerk-sync'
import { useSyncExternalStore } from 'react'
import type { UserSyncContext } from './context'

/** Where the wait for the account has come to, while there is one. */
export function useProgress({ account }: UserSyncContext): Progress | undefined {
  return useSyncExternalStore(onProgress, () => progressOf(account.userId), () => undefined)
}
