import { useQueryClient } from '@tanstack/react-query'
import { keepTrying, type UserSyncError } from 'clerk-sync'
import { useEffect, useSyncExternalStore } from 'react'
import type { UserSyncContext } from './context'

/** While the profile of the account has failed but may still come: asks on, once for the whole app. */
export function useKeepTrying({ sync, account }: UserSyncContext): void {
  const client = useQueryClient()
  const queryKey = sync.queryKey(account.userId)
  const failed = useSyncExternalStore(
    client.getQueryCache().subscribe,
    () => client.getQueryState<unknown, UserSyncError>(queryKey)?.error,
    () => null,
  )
  useEffect(() => {
    if (!failed?.retryable || sync.options.keepTrying === false) return
    const controller = new AbortController()
    const { signal } = controller
    keepTrying(sync, { ...account, error: failed, signal }).then(
      (user) => {
        if (!signal.aborted) client.setQueryData(queryKey, user)
      },
      () => {
        // Deleted or banned meanwhile: the query has to learn it, and only asking can teach it.
        if (!signal.aborted) void client.refetchQueries({ queryKey })
      },
    )
    return () => controller.abort()
  }, [sync, client, failed, account])
}
