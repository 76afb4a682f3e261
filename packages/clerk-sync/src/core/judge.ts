import type { Failure, UserSyncErrorCode } from './errors'
import { parseRetryAfter } from './retryAfter'
import type { Hint, Kind } from './schedule'

/** What a refusal of the server means. */
export function judge(response: Response, body: unknown, strict404: boolean | undefined): Failure & Hint {
  const { status, headers } = response
  const problem = (body && typeof body === 'object' ? body : {}) as { code?: string; retry_after_ms?: number }
  const header = parseRetryAfter(headers.get('retry-after'))
  const [code, retry] = meaning(status, problem.code, header !== undefined, strict404)
  return {
    code,
    retry,
    status,
    serverCode: problem.code,
    requestId: headers.get('x-request-id') ?? undefined,
    // The member knows milliseconds, the header whole seconds.
    retryAfterMs: problem.retry_after_ms ?? header,
  }
}

function meaning(
  status: number,
  code: string | undefined,
  hasRetryAfter: boolean,
  strict404: boolean | undefined,
): [UserSyncErrorCode, Kind?] {
  if (code === 'user_deleted' || status === 410) return ['deleted']
  if (status === 401) return ['signed_out']
  if (status === 403) return ['forbidden']
  if (status === 404 && strict404 && code !== 'user_not_synced') return ['wrong_endpoint']
  // Other servers say "not yet" in other ways; a 503 that names its own trouble is not one.
  if (status === 404 || status === 202 || status === 425 || (status === 503 && !code && hasRetryAfter)) {
    return ['not_synced', 'notSynced']
  }
  if (status === 429) return ['rate_limited', 'other']
  if (status >= 500 || status === 408) return ['server', 'other']
  return ['server']
}
