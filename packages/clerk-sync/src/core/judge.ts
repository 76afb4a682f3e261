import type { Details, UserSyncErrorCode } from './errors'
import { parseRetryAfter } from './retryAfter'
import type { Hint, Kind } from './schedule'

/** Why there is no user, and whether asking again may help. */
export interface Refusal extends Hint {
  failure: Omit<Details, 'attempts' | 'elapsedMs' | 'retryable'>
  cause?: unknown
}

type Meaning = [UserSyncErrorCode, Kind?]

const NOT_YET: Meaning = ['not_synced', 'notSynced']
const TRY_AGAIN: Meaning = ['server', 'other']

// Other servers say "not yet" in other ways than 404.
const MEANINGS: Record<number, Meaning> = {
  202: NOT_YET,
  401: ['signed_out'],
  403: ['forbidden'],
  404: NOT_YET,
  408: TRY_AGAIN,
  410: ['deleted'],
  425: NOT_YET,
  429: ['rate_limited', 'other'],
}

/** What a refusal of the server means; `text` is its body. */
export function judge({ status, headers }: Response, text: string, strict404: boolean | undefined): Refusal {
  let problem: { code?: string; retry_after_ms?: number } = {}
  try {
    problem = JSON.parse(text) ?? problem
  } catch {}
  const { code: serverCode } = problem
  const header = parseRetryAfter(headers.get('retry-after'))
  let meaning = MEANINGS[status] ?? (status < 500 ? ['server' as const] : TRY_AGAIN)
  if (serverCode === 'user_deleted') meaning = ['deleted']
  if (status === 404 && strict404 && serverCode !== 'user_not_synced') meaning = ['wrong_endpoint']
  // A 503 that says when, but not what, is "not yet" of some server; ours names its trouble.
  if (status === 503 && !serverCode && header !== undefined) meaning = NOT_YET
  const [code, retry] = meaning
  // The member knows milliseconds, the header whole seconds.
  const retryAfterMs = problem.retry_after_ms ?? header
  return { failure: { code, status, serverCode, requestId: requestIdOf(headers), retryAfterMs }, retry }
}

export const requestIdOf = (headers: Headers): string | undefined => headers.get('x-request-id') ?? undefined
