import type { UserSync } from './createUserSync'
import type { Me } from './wire'

/**
 * Says once which sync the app has, so that every hook knows the type of its user:
 *
 * @example
 * declare module 'clerk-sync' { interface Register { sync: typeof userSync } }
 */
export interface Register {}

/** The user of the registered sync; `Me` when none is. */
export type RegisteredUser = Register extends { sync: UserSync<infer T> } ? T : Me
