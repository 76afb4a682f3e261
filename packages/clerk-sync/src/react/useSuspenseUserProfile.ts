import { useSuspenseQuery } from '@tanstack/react-query'
import type { RegisteredUser } from 'clerk-sync'
import { userQueryOptions } from 'clerk-sync/query'
import { useUserSyncContext } from './context'

/**
 * The record itself; the nearest `Suspense` waits, the nearest error boundary gets the `UserSyncError`.
 * For components that are shown to signed-in users only. On a server, where there is no token, it throws, and React
 * goes on in the browser.
 */
export function useSuspenseUserProfile(): RegisteredUser {
  const { sync, auth, tokenOf } = useUserSyncContext()
  const { userId } = auth
  if (typeof window === 'undefined') throw new Error('clerk-sync: only in the browser')
  if (!auth.isSignedIn || !userId) {
    throw new Error('clerk-sync: nobody is signed in')
  }
  return useSuspenseQuery(userQueryOptions<RegisteredUser>(sync, { userId, getToken: tokenOf(auth) })).data
}
