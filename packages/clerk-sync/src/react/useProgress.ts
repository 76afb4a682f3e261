import { type Progress, progressOf } from 'clerk-sync'
import { useSyncExternalStore } from 'react'
import type { UserSyncContext } from './context'

/** Where the wait for the account has come to, while there is one. */
export function useProgress({ sync, account }: UserSyncContext): Progress | undefined {
  const { subscribe, current } = progressOf(sync)
  return useSyncExternalStore(subscribe, () => current(account.userId), () => undefined)
}
