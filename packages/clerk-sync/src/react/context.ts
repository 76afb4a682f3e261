import type { Auth, UserSync } from 'clerk-sync'
import type { Account } from 'clerk-sync/query'
import { createContext, useContext } from 'react'

/** What hooks need, made once by the provider. */
export interface UserSyncContext {
  // The registered type is put on at the hooks; a context cannot be generic.
  sync: UserSync<any>
  auth: Auth
  /** Who is signed in, nobody until Clerk says so; its `getToken` is the newest one of this account. */
  account: Account
}

export const Context = createContext<UserSyncContext | null>(null)

export function useUserSyncContext(): UserSyncContext {
  const context = useContext(Context)
  if (!context) throw new Error('clerk-sync: no UserSyncProvider')
  return context
}

/** Thrown where there is nobody to wait for: signed out, or on a server. */
export function nobody(): never {
  throw new Error('clerk-sync: nobody is signed in')
}
