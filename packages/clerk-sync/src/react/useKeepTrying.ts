import type { QueryClient } from '@tanstack/react-query'
import { keepTrying, type UserSyncError } from 'clerk-sync'
import { useCallback, useEffect, useSyncExternalStore } from 'react'
import type { UserSyncContext } from './context'

/** While the profile of the account has failed but may still come: asks on, once for the whole app. */
export function useKeepTrying({ sync, auth, tokenOf }: UserSyncContext, client: QueryClient): void {
  const userId = auth.isSignedIn ? auth.userId : null
  const subscribe = useCallback((changed: () => void) => client.getQueryCache().subscribe(changed), [client])
  const failed = useSyncExternalStore(
    subscribe,
    () => {
      const state = client.getQueryState(sync.queryKey(userId))
      return state?.fetchStatus === 'idle' ? (state.error as UserSyncError | null) : null
    },
    () => null,
  )
  const getToken = tokenOf(auth)
  useEffect(() => {
    if (sync.options.keepTrying === false || !userId || !failed?.retryable) return
    const queryKey = sync.queryKey(userId)
    const controller = new AbortController()
    const { signal } = controller
    keepTrying(sync, { error: failed, userId, signal, getToken }).then(
      (user) => {
        if (!signal.aborted) client.setQueryData(queryKey, user)
      },
      () => {
        // Deleted or banned meanwhile: the query has to learn it, and only asking can teach it.
        if (!signal.aborted) void client.refetchQueries({ queryKey, exact: true })
      },
    )
    return () => controller.abort()
    // `getToken` looks up the newest one itself; that it is made anew is no reason to start over.
  }, [sync, client, failed, userId])
}
