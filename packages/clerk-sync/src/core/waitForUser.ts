import { attempt, type Outcome } from './attempt'
import { pause } from './bounded'
import { UserSyncError } from './errors'
import { isOffline, until } from './page'
import { backoffOf, nextDelayMs } from './schedule'
import type { Progress, UserSyncOptions, WaitOptions } from './types'

declare const process: { env: { NODE_ENV?: string } } | undefined

/** Asks until the user is there, the retries are used up, or `signal` ends it. */
export async function waitForUser<T>(options: UserSyncOptions<T>, wait: WaitOptions): Promise<T> {
  const { signal } = wait
  const { backoff, retries, waitSeconds = 5, random = Math.random } = { ...options, ...wait }
  const allowed = { notSynced: 5, other: 1, ...options.retries, ...retries }
  const spent = { notSynced: 0, other: 0 }
  const begun = Date.now()
  let number = 1
  let freshToken = false
  const now = () => ({ attempt: number, elapsedMs: Date.now() - begun })
  const tell = (type: Progress['type'], more?: Partial<Progress>) => {
    const progress = { type, ...now(), ...more }
    wait.onProgress?.(progress)
    options.onEvent?.(progress)
  }

  for (;;) {
    if (isOffline()) {
      tell('offline')
      await until(() => !isOffline(), 'online', signal)
    }
    tell('request')
    const outcome: Outcome<T> = await attempt(options, { ...wait, waitSeconds, freshToken })
    if ('user' in outcome) {
      tell('ready')
      return outcome.user
    }
    const { failure, retry, cause } = outcome
    const { code, status } = failure
    // The network went away meanwhile: that was no answer, so it is not counted.
    if (retry && isOffline()) continue
    if (status === 404 && !failure.serverCode) warn(options)

    // A token is refused for its age, too; one made anew settles it.
    const renew: boolean = code === 'signed_out' && status === 401 && !freshToken
    if (renew) freshToken = true
    const delayMs = renew ? 0 : nextDelayMs(backoffOf(backoff), allowed, spent, outcome, random())
    tell(delayMs === undefined ? 'failed' : 'retry', { code, delayMs })
    if (delayMs === undefined) {
      const { attempt: attempts, elapsedMs } = now()
      throw new UserSyncError({ ...failure, attempts, elapsedMs, retryable: !!retry }, cause)
    }
    if (retry) spent[retry]++
    number++
    if (delayMs) await pause(delayMs, signal)
  }
}

const warned = /* @__PURE__ */ new Set<unknown>()

/** A 404 of no server of ours is taken for a user to come; it may as well be a wrong address. */
function warn({ endpoint, strict404 }: Pick<UserSyncOptions<never>, 'endpoint' | 'strict404'>) {
  if (typeof process === 'undefined' || process.env.NODE_ENV === 'production') return
  if (strict404 || warned.has(endpoint)) return
  warned.add(endpoint)
  console.warn(
    `clerk-sync: ${endpoint} answered 404 without the code "user_not_synced". It is taken for a user to come; ` +
      'if the address is wrong, correct `endpoint`, or set `strict404`.',
  )
}
