import { useQueryClient } from '@tanstack/react-query'
import type { Auth, UserSync } from 'clerk-sync'
import { type ReactNode, useCallback, useEffect, useMemo, useRef } from 'react'
import { Context } from './context'
import { useKeepTrying } from './useKeepTrying'

export interface UserSyncProviderProps {
  sync: UserSync<any>
  /** Clerk's hook, of any SDK and version; it must be the same one as long as the provider is mounted. */
  useAuth: () => Auth
  children?: ReactNode
}

/** Gives the hooks below their sync and their account. Belongs inside Clerk's and TanStack Query's providers. */
export function UserSyncProvider({ sync, useAuth, children }: UserSyncProviderProps): ReactNode {
  const { isLoaded, isSignedIn, userId, getToken } = useAuth()
  const auth = useMemo(() => ({ isLoaded, isSignedIn, userId, getToken }), [isLoaded, isSignedIn, userId, getToken])
  const latest = useRef(auth)
  useEffect(() => {
    latest.current = auth
  }, [auth])
  const tokenOf = useCallback((of: Auth): Auth['getToken'] => (options) => {
    const { current } = latest
    return (current.userId === of.userId ? current : of).getToken(options)
  }, [])
  const context = useMemo(() => ({ sync, auth, tokenOf }), [sync, auth, tokenOf])

  const client = useQueryClient()
  const account = isSignedIn ? userId : null
  useEffect(() => {
    // Clerk unloads for a moment while it changes sessions; that is not yet another account.
    if (!isLoaded) return
    const [, , own] = sync.queryKey(account)
    const [all, user] = sync.queryKey(null)
    client.removeQueries({ queryKey: [all, user], predicate: (query) => query.queryKey[2] !== own })
  }, [client, sync, isLoaded, account])
  useKeepTrying(context, client)

  return <Context.Provider value={context}>{children}</Context.Provider>
}
