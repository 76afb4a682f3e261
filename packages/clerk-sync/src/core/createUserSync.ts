import type { UserSyncOptions, WaitOptions } from './types'
import { waitForUser } from './waitForUser'
import type { Me } from './wire'

export type UserKey = readonly ['clerk-sync', 'user', string | null]

/** Waits for users of one server. It holds no user and no token. */
export interface UserSync<T> {
  readonly options: Readonly<UserSyncOptions<T>>
  /** The user, once there. Rejects with a `UserSyncError`, or with `signal.reason`. */
  waitForUser(wait: WaitOptions): Promise<T>
  /** Of a cache entry: one account, one key. */
  queryKey(userId: string | null | undefined): UserKey
}

/**
 * Without `parse` the user is what our server answers, a `Me`.
 *
 * @example
 * export const userSync = createUserSync({ endpoint: '/api/me' })
 */
export function createUserSync<T = Me>(options: UserSyncOptions<T>): UserSync<T> {
  return {
    options,
    waitForUser: (wait) => waitForUser(options, wait),
    queryKey: (userId) => ['clerk-sync', 'user', userId ?? null],
  }
}
