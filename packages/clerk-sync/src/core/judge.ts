import type { Details, UserSyncErrorCode } from './errors'
import { parseRetryAfter } from './retryAfter'
import type { Hint } from './schedule'

/** Why there is no user, and whether asking again may help. */
export interface Refusal extends Hint, Omit<Details, 'attempts' | 'elapsedMs' | 'retryable'> {}

const NOT_YET = 'not_synced'

// Other servers say "not yet" in other ways than 404.
const CODES: Record<number, UserSyncErrorCode> = {
  202: NOT_YET,
  401: 'signed_out',
  403: 'forbidden',
  404: NOT_YET,
  410: 'deleted',
  425: NOT_YET,
  429: 'rate_limited',
}

/** What a server says of its refusal, if it does. */
type Problem = { code?: string; retry_after_ms?: number } | null | undefined

/** What an answer without a user means; `cause` is what was wrong with its body. */
export function judge(
  { status, headers }: Response,
  problem: Problem,
  strict404: boolean | undefined,
  cause?: unknown,
): Refusal {
  const serverCode = problem?.code
  const header = parseRetryAfter(headers.get('retry-after'))
  let code = CODES[status] ?? (status < 300 ? 'invalid_response' : 'server')
  if (serverCode === 'user_deleted') code = 'deleted'
  if (status === 404 && strict404 && serverCode !== 'user_not_synced') code = 'wrong_endpoint'
  // A 503 that says when, but not what, is "not yet" of some server; ours names its trouble.
  if (status === 503 && !serverCode && header !== undefined) code = NOT_YET
  return {
    code,
    status,
    serverCode,
    requestId: headers.get('x-request-id') ?? undefined,
    // The member knows milliseconds, the header whole seconds.
    retryAfterMs: problem?.retry_after_ms ?? header,
    cause,
    retry:
      code === NOT_YET ? 'notSynced' : status === 408 || status === 429 || status >= 500 ? 'other' : undefined,
  }
}
