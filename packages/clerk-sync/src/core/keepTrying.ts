import { pause } from './bounded'
import { UserSyncError } from './errors'
import { isVisible, until } from './page'
import type { UserSyncOptions, WaitOptions } from './types'
import { waitForUser } from './waitForUser'

/** Between two slow requests, in milliseconds: from this to twice this. */
const SLOW_MS = 15_000
/** The longest the server can put us off, in milliseconds. */
const LONGEST_MS = 3_600_000

/**
 * After a wait that ended with `error`: asks on, slowly and only while the page is visible, until the user is there.
 * Rejects when asking cannot help any more.
 */
export async function keepTrying<T>(
  options: UserSyncOptions<T>,
  { error, ...wait }: Omit<WaitOptions, 'retries' | 'onProgress'> & { error: UserSyncError },
): Promise<T> {
  const once = { waitSeconds: options.waitSeconds === 0 ? 0 : 25, ...wait, retries: { notSynced: 0, other: 0 } }
  for (;;) {
    const ms = SLOW_MS * (1 + (options.random ?? Math.random)())
    await pause(Math.max(ms, Math.min(error.retryAfterMs ?? 0, LONGEST_MS)), wait.signal)
    await until(isVisible, 'visibilitychange', wait.signal)
    try {
      return await waitForUser(options, once)
    } catch (reason) {
      wait.signal?.throwIfAborted()
      if (!UserSyncError.is(reason) || !reason.retryable) throw reason
      error = reason
    }
  }
}
