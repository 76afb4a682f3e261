import { useQueryClient } from '@tanstack/react-query'
import type { Auth, UserSync } from 'clerk-sync'
import type { Account } from 'clerk-sync/query'
import { type ReactNode, useEffect, useMemo } from 'react'
import { Context } from './context'
import { useKeepTrying } from './useKeepTrying'
import { useNewest } from './useNewest'

export interface UserSyncProviderProps {
  sync: UserSync<any>
  /** Clerk's hook, of any SDK and version; it must be the same one as long as the provider is mounted. */
  useAuth: () => Auth
  children?: ReactNode
}

/** Gives the hooks below their sync and their account. Belongs inside Clerk's and TanStack Query's providers. */
export function UserSyncProvider({ sync, useAuth, children }: UserSyncProviderProps): ReactNode {
  const auth = useAuth()
  const { isLoaded, isSignedIn } = auth
  const userId = isSignedIn ? auth.userId : null
  // Each account has its own, so that a wait begun for one never uses the token of another.
  const newest = useNewest(auth.getToken, userId)
  const context = useMemo(() => {
    const account: Account = { userId, getToken: (options) => newest.current(options) }
    return { sync, auth, account }
  }, [sync, isLoaded, isSignedIn, auth.userId])

  const client = useQueryClient()
  useEffect(() => {
    // Clerk unloads for a moment while it changes sessions; that is not yet another account.
    if (!isLoaded) return
    client.removeQueries({
      // What every `queryKey` begins with.
      queryKey: ['clerk-sync', 'user'],
      predicate: (query) => query.queryKey[2] !== userId,
    })
  }, [client, isLoaded, userId])
  useKeepTrying(context)

  return <Context.Provider value={context}>{children}</Context.Provider>
}
