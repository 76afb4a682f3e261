import type { Retries, UserSyncOptions } from './types'

/** What a retry is counted as. */
export type Kind = keyof Retries

/** The longest `Retry-After` a wait sits out, in milliseconds; beyond it the wait ends. */
const LONGEST_MS = 60_000

/** What an attempt has to say about the next. */
export interface Hint {
  /** Undefined: asking again does not help. */
  retry?: Kind | undefined
  /** The server held the request until its time was over, so asking again at once is no haste. */
  held?: boolean
  /** When the server wants to be asked again, in milliseconds. */
  readonly retryAfterMs?: number | undefined
}

/**
 * The time until the next attempt, in milliseconds; undefined when there is none. Retries of each kind are counted
 * apart, so a lone 503 among 404s costs nothing of theirs. `random` is from 0 to 1.
 */
export function nextDelayMs(
  backoff: UserSyncOptions<unknown>['backoff'],
  allowed: Retries,
  spent: Retries,
  { retry, held, retryAfterMs = 0 }: Hint,
  random: number,
): number | undefined {
  if (!retry || spent[retry] >= allowed[retry] || retryAfterMs > LONGEST_MS) return undefined
  if (held && retry === 'notSynced') return 0
  const { initialMs = 1000, factor = 2, maxMs = 16_000, jitter = 0.2 } =
    backoff === 'eager' ? { initialMs: 250, factor: 1.6, maxMs: 3000 } : (backoff ?? {})
  return Math.max(
    Math.min(initialMs * factor ** spent[retry], maxMs) * (1 + jitter * (2 * random - 1)),
    retryAfterMs,
  )
}
