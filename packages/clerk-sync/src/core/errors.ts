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

/** Completes to what our server says, takes what others say. */
type KnownOrOther = ServerCode | (string & {})

/** What is known of a failure. */
export interface Failure {
  code: UserSyncErrorCode
  status?: number
  /** The `code` of the server's problem+json. */
  serverCode?: KnownOrOther | undefined
  /** The `X-Request-Id` of the answer: what support can look for. */
  requestId?: string | undefined
  /** When the server wants to be asked again, in milliseconds. */
  retryAfterMs?: number | undefined
  cause?: unknown
}

/** Why there is no user. Branch on `code`; class names do not survive minifiers, so test with `UserSyncError.is`. */
export class UserSyncError extends Error {
  readonly code: UserSyncErrorCode
  readonly status: number | undefined
  readonly serverCode: KnownOrOther | undefined
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  /** How many requests were made. */
  readonly attempts: number
  /** How long it took, in milliseconds. */
  readonly elapsedMs: number
  /** Whether asking again later can help. */
  readonly retryable: boolean

  constructor(failure: Failure, attempts: number, elapsedMs: number, retryable: boolean) {
    super(`clerk-sync: ${failure.code}${failure.status ? ` (HTTP ${failure.status})` : ''}`, { cause: failure.cause })
    this.name = 'UserSyncError'
    this.code = failure.code
    this.status = failure.status
    this.serverCode = failure.serverCode
    this.requestId = failure.requestId
    this.retryAfterMs = failure.retryAfterMs
    this.attempts = attempts
    this.elapsedMs = elapsedMs
    this.retryable = retryable
  }

  static is(error: unknown, code?: UserSyncErrorCode): error is UserSyncError {
    return error instanceof Error && error.name === 'UserSyncError' && (!code || (error as UserSyncError).code === code)
  }
}
