import type { UserSyncErrorCode } from './errors'

/** Gives a session token of Clerk's, or null when there is no session. `useAuth().getToken` of every Clerk SDK fits. */
export type GetToken = (options?: { skipCache?: boolean }) => Promise<string | null>

/** What is needed of Clerk's `useAuth()`, as versions 5 and 6 answer it. */
export interface Auth {
  isLoaded: boolean
  isSignedIn: boolean | undefined
  userId: string | null | undefined
  getToken: GetToken
}

/** A schema of any library that follows standardschema.dev (Zod, Valibot, ArkType and others). */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }

/** Where a wait has come to, and what happened. No token, no address and no body is in it. */
export interface Progress {
  /**
   * `request`: one is under way. `retry`: there is a next one after `delayMs`. `offline`: there is no network, so
   * nothing is asked and nothing counted. `ready` and `failed` are the end.
   */
  type: 'request' | 'retry' | 'offline' | 'ready' | 'failed'
  /** The request it is about, from 1. */
  attempt: number
  /** Since the wait began, in milliseconds. */
  elapsedMs: number
  /** What was found, of `retry` and `failed`. */
  code?: UserSyncErrorCode
  /** Until the next request, in milliseconds, of `retry`. */
  delayMs?: number | undefined
}

/** How many more requests there are after the first, by what the last one found. Counted apart. */
export interface Retries {
  /** The user is not there yet. Default 5. */
  notSynced: number
  /** Network, time-outs, 5xx, 429, no token. Default 1. */
  other: number
}

/** The time between requests where the server does not hold them. */
export interface Backoff {
  /** Before the first retry, in milliseconds. Default 1000. */
  initialMs: number
  /** What it is multiplied with each time. Default 2. */
  factor: number
  /** The most it gets to, in milliseconds. Default 16000. */
  maxMs: number
  /** The share it may be longer or shorter, so that a crowd spreads out. Default 0.2. */
  jitter: number
}

export interface UserSyncOptions<T> {
  /** The address of `GET /me`. */
  endpoint: string | URL
  /** Checks the user in the answer and gives it its type: a schema or a function that throws. */
  parse?: StandardSchema<T> | ((data: unknown) => T)
  fetch?: typeof globalThis.fetch
  /** As for `fetch`, whose default is `same-origin`. */
  credentials?: RequestCredentials
  /** How long the server is asked to hold a request, in seconds; 0: not at all. Default 5, the server's most is 25. */
  waitSeconds?: number
  retries?: Partial<Retries>
  /** `eager`: 0.25 s, 1.6 times longer each time, at most 3 s. */
  backoff?: 'eager' | Partial<Backoff>
  /** How long Clerk may take for a token, in milliseconds. Default 5000. */
  tokenTimeoutMs?: number
  /** How long a request may take beside the time it is held, in milliseconds. Default 8000. */
  requestTimeoutMs?: number
  /** After the last retry: whether to go on slowly while the page is visible, so that it heals. Default true. */
  keepTrying?: boolean
  /** Takes a 404 without `user_not_synced` for a wrong address instead of a user to come. Default false. */
  strict404?: boolean
  /** Every step of every wait, for logs and metrics. */
  onEvent?: (event: Progress) => void
  /** From 0 to 1, for the jitter. Default `Math.random`. */
  random?: () => number
}

export interface WaitOptions {
  getToken: GetToken
  /** Whose record is waited for: tokens and answers of somebody else are discarded. */
  userId?: string | null | undefined
  /** Ends the wait, which then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined
  onProgress?: ((progress: Progress) => void) | undefined
  /** For this wait alone. */
  retries?: Partial<Retries> | undefined
  backoff?: UserSyncOptions<unknown>['backoff'] | undefined
  waitSeconds?: number | undefined
}
