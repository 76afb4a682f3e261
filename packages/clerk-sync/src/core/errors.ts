import type { ServerCode } from './wire'

export type UserSyncErrorCode =
  /** The user is not in the database yet. */
  | 'not_synced'
  | 'rate_limited'
  /** The server does not take the token, also not a fresh one; or Clerk gives none. */
  | 'signed_out'
  /** Banned, disabled, or a session with tasks to finish: see `serverCode`. */
  | 'forbidden'
  /** The user was deleted: sign out. */
  | 'deleted'
  | 'offline'
  | 'network'
  | 'timeout'
  | 'server'
  /** Not the JSON that was expected, such as the HTML page of an app. */
  | 'invalid_response'
  /** Clerk did not give a token in time, or failed. */
  | 'auth_failed'
  /** A plain 404, with `strict404`. */
  | 'wrong_endpoint'

/** What an error says beside its message. */
export interface Details {
  readonly code: UserSyncErrorCode
  readonly status?: number | undefined
  /** The `code` of the server's problem+json; completes to those of our server. */
  readonly serverCode?: ServerCode | (string & {}) | undefined
  /** The `X-Request-Id` of the answer: what support can look for. */
  readonly requestId?: string | undefined
  /** When the server wants to be asked again, in milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** How many requests were made. */
  readonly attempts: number
  /** How long it took, in milliseconds. */
  readonly elapsedMs: number
  /** Whether asking again later can help. */
  readonly retryable: boolean
  /** What was thrown, if something was. */
  cause?: unknown
}

// The members come from `Details`, once.
export interface UserSyncError extends Details {}

/** Why there is no user. Branch on `code`; class names do not survive minifiers, so test with `UserSyncError.is`. */
export class UserSyncError extends Error {
  override readonly name = 'UserSyncError'

  constructor(details: Details) {
    super(`clerk-sync: ${details.code} ${details.status ?? ''}`.trim())
    Object.assign(this, details)
  }

  static is(error: unknown, code?: UserSyncErrorCode): error is UserSyncError {
    return (error as Error | undefined)?.name === 'UserSyncError' && (!code || (error as UserSyncError).code === code)
  }
}
