import type { Details, UserSyncErrorCode } from './errors'
import { parseRetryAfter } from './retryAfter'
import type { Hint, Kind } from './schedule'

/** Why there is no user, and whether asking again may help. */
export type Failure = Omit<Details, 'attempts' | 'elapsedMs' | 'retryable'> & Hint & { cause?: unknown }

type Meaning = [UserSyncErrorCode, Kind?]

const NOT_YET: Meaning = ['not_synced', 'notSynced']

// Other servers say "not yet" in other ways than 404.
const MEANINGS: Record<number, Meaning> = {
  202: NOT_YET,
  401: ['signed_out'],
  403: ['forbidden'],
  404: NOT_YET,
  408: ['server', 'other'],
  410: ['deleted'],
  425: NOT_YET,
  429: ['rate_limited', 'other'],
}

function problemIn(text: string): { code?: string; retry_after_ms?: number } {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

/** What a refusal of the server means. */
export function judge({ status, headers }: Response, text: string, strict404: boolean | undefined): Failure {
  const problem = problemIn(text)
  const serverCode = problem.code
  const header = parseRetryAfter(headers.get('retry-after'))
  let [code, retry] = MEANINGS[status] ?? ['server', status >= 500 ? 'other' : undefined]
  if (serverCode === 'user_deleted') code = 'deleted'
  if (status === 404 && strict404 && serverCode !== 'user_not_synced') [code, retry] = ['wrong_endpoint', undefined]
  // A 503 that says when, but not what, is "not yet" of some server; ours names its trouble.
  if (status === 503 && !serverCode && header !== undefined) [code, retry] = NOT_YET
  // The member knows milliseconds, the header whole seconds.
  return { code, retry, status, serverCode, retryAfterMs: problem.retry_after_ms ?? header }
}
