import type { Backoff, Retries, UserSyncOptions } from './types'

/** What a retry is counted as. */
export type Kind = keyof Retries

const DOCUMENTED: Backoff = { initialMs: 1000, factor: 2, maxMs: 16_000, jitter: 0.2 }
const EAGER: Backoff = { initialMs: 250, factor: 1.6, maxMs: 3000, jitter: 0.2 }

/** The longest `Retry-After` a wait sits out, in milliseconds; beyond it the wait ends. */
const LONGEST_MS = 60_000

export interface Schedule {
  retries: Retries
  backoff: Backoff
  random: () => number
}

export const scheduleOf = (
  retries: Partial<Retries> | undefined,
  backoff: UserSyncOptions<unknown>['backoff'],
  random: () => number = Math.random,
): Schedule => ({
  retries: { notSynced: 5, other: 1, ...retries },
  backoff: backoff === 'eager' ? EAGER : { ...DOCUMENTED, ...backoff },
  random,
})

/** What an attempt has to say about the next. */
export interface Hint {
  /** Undefined: asking again does not help. */
  retry?: Kind | undefined
  /** The server held the request until its time was over, so asking again at once is no haste. */
  held?: boolean
  retryAfterMs?: number | undefined
}

/**
 * The time until the next attempt, in milliseconds; undefined when there is none.
 * Each kind has its own count and its own steps, so a lone 503 among 404s costs nothing of theirs.
 */
export function nextDelayMs({ retries, backoff, random }: Schedule, spent: Retries, hint: Hint): number | undefined {
  const { retry, held, retryAfterMs = 0 } = hint
  if (!retry || spent[retry] >= retries[retry] || retryAfterMs > LONGEST_MS) return undefined
  if (held && retry === 'notSynced') return 0
  const base = Math.min(backoff.initialMs * backoff.factor ** spent[retry], backoff.maxMs)
  return Math.max(base * (1 + backoff.jitter * (2 * random() - 1)), retryAfterMs)
}
