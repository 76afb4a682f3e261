import { onProgress, type Progress, progressOf } from 'clerk-sync'
import { useSyncExternalStore } from 'react'
import { useUserSyncContext } from './context'

/** Where the wait for the account has come to, while there is one. */
export function useProgress(): Progress | undefined {
  const { account } = useUserSyncContext()
  return useSyncExternalStore(onProgress, () => progressOf(account.userId), () => undefined)
}
