import { useSuspenseQuery } from '@tanstack/react-query'
import type { RegisteredUser } from 'clerk-sync'
import { userQueryOptions } from 'clerk-sync/query'
import { nobody, useUserSyncContext } from './context'

/**
 * The record itself; the nearest `Suspense` waits, the nearest error boundary gets the `UserSyncError`.
 * For components that are shown to signed-in users only. On a server, where there is no token, it throws, and React
 * goes on in the browser.
 */
export function useSuspenseUserProfile(): RegisteredUser {
  const { sync, account } = useUserSyncContext()
  if (!globalThis.window || !account.userId) nobody()
  return useSuspenseQuery(userQueryOptions<RegisteredUser>(sync, account)).data
}
