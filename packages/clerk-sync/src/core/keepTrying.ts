import { FOR_EVER_MS, pause } from './bounded'
import type { UserSync } from './createUserSync'
import type { UserSyncError } from './errors'
import type { WaitOptions } from './types'

/** Between two slow requests, in milliseconds: from this to twice this. */
const SLOW_MS = 15_000
/** The longest the server can put us off, in milliseconds. */
const LONGEST_MS = 3_600_000

export interface KeepTryingOptions extends Pick<WaitOptions, 'getToken' | 'userId' | 'signal'> {
  /** What the wait before ended with. */
  error: UserSyncError
}

/**
 * After a wait that ended with `error`: asks on, slowly and only while the page is visible, until the user is there.
 * Rejects when asking cannot help any more.
 */
export async function keepTrying<T>(sync: UserSync<T>, { error, ...wait }: KeepTryingOptions): Promise<T> {
  const { random = Math.random, waitSeconds = 25 } = sync.options
  for (;;) {
    await pause(Math.max(SLOW_MS * (1 + random()), Math.min(error.retryAfterMs ?? 0, LONGEST_MS)), wait.signal)
    while (globalThis.document?.hidden) await pause(FOR_EVER_MS, wait.signal, 'visibilitychange')
    try {
      return await sync.waitForUser({ ...wait, waitSeconds: waitSeconds && 25, retries: { notSynced: 0, other: 0 } })
    } catch (reason) {
      error = reason as UserSyncError
      if (!error.retryable) throw reason
    }
  }
}
