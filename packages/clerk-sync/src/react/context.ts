import type { Auth, GetToken, UserSync } from 'clerk-sync'
import { createContext, useContext } from 'react'

/** What hooks need, made once by the provider. */
export interface UserSyncContext {
  // The registered type is put on at the hooks; a context cannot be generic.
  sync: UserSync<any>
  auth: Auth
  /** The newest `getToken` of an account; never another account's. */
  tokenOf(auth: Auth): GetToken
}

export const Context = createContext<UserSyncContext | null>(null)

export function useUserSyncContext(): UserSyncContext {
  const context = useContext(Context)
  if (!context) throw new Error('clerk-sync: there is no <UserSyncProvider> around it')
  return context
}
