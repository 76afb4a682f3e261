import { attempt } from './attempt'
import { LEFT, pause } from './bounded'
import { UserSyncError } from './errors'
import { isOffline, until } from './page'
import { backoffOf, nextDelayMs } from './schedule'
import type { UserSyncEvent, UserSyncOptions, WaitOptions } from './types'

declare const process: { env: { NODE_ENV?: string } } | undefined

/** Asks until the user is there, the retries are used up, or `signal` ends it. */
export async function waitForUser<T>(options: UserSyncOptions<T>, wait: WaitOptions): Promise<T> {
  const { signal, onProgress } = wait
  const backoff = backoffOf(wait.backoff ?? options.backoff)
  const retries = { notSynced: 5, other: 1, ...options.retries, ...wait.retries }
  const spent = { notSynced: 0, other: 0 }
  const waitSeconds = wait.waitSeconds ?? options.waitSeconds ?? 5
  const ask = { userId: undefined, signal, ...wait, waitSeconds, freshToken: false }
  const begun = Date.now()
  let attempts = 1
  const facts = () => ({ attempt: attempts, elapsedMs: Date.now() - begun })
  const report = (nextDelayMs: number, offline = false) => onProgress?.({ ...facts(), nextDelayMs, offline })
  const tell = (type: UserSyncEvent['type'], more?: Partial<UserSyncEvent>) =>
    options.onEvent?.({ type, ...facts(), ...more })

  for (;;) {
    signal?.throwIfAborted()
    if (isOffline()) {
      report(0, true)
      await until(() => !isOffline(), 'online', signal)
    }
    report(0)
    tell('attempt')
    const outcome = await attempt(options, ask)
    if ('user' in outcome) {
      tell('ready')
      return outcome.user
    }
    // Left or offline meanwhile: neither was an answer, so neither is counted.
    if (outcome.cause === LEFT) {
      let looks = 0
      await until(() => looks++ > 0, 'pageshow', signal)
      continue
    }
    const { retry, code, held, cause, ...details } = outcome
    if (retry && isOffline()) continue
    if (details.status === 404 && !details.serverCode && !options.strict404) warn(options.endpoint)

    // A token is refused for its age, too; one made anew settles it.
    const renew: boolean = code === 'signed_out' && details.status === 401 && !ask.freshToken
    ask.freshToken ||= renew
    const delayMs = renew ? 0 : nextDelayMs(backoff, retries, spent, outcome, (options.random ?? Math.random)())
    tell(delayMs === undefined ? 'failed' : 'retry', { code, delayMs })
    if (delayMs === undefined) {
      throw new UserSyncError({ ...details, code, attempts, elapsedMs: Date.now() - begun, retryable: !!retry }, cause)
    }
    if (retry) spent[retry]++
    if (delayMs) {
      report(delayMs)
      await pause(delayMs, signal)
    }
    attempts++
  }
}

const warned = /* @__PURE__ */ new Set<string>()

/** A 404 of no server of ours is taken for a user to come; it may as well be a wrong address. */
function warn(endpoint: string | URL) {
  if (typeof process === 'undefined' || process.env.NODE_ENV === 'production') return
  const address = String(endpoint)
  if (warned.has(address)) return
  warned.add(address)
  console.warn(
    `clerk-sync: ${address} answered 404 without the code "user_not_synced". It is taken for a user to come; ` +
      'if the address is wrong, correct `endpoint`, or set `strict404`.',
  )
}
