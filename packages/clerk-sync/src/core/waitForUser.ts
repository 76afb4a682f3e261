import { attempt, type Outcome, type Settings } from './attempt'
import { FOR_EVER_MS, pause } from './bounded'
import { UserSyncError } from './errors'
import type { Refusal } from './judge'
import { isOnline } from './page'
import { nextDelayMs } from './schedule'
import type { Progress, UserSyncOptions, WaitOptions } from './types'

declare const process: { env: { NODE_ENV?: string } }

/** Asks until the user is there, the retries are used up, or `signal` ends it. */
export async function waitForUser<T>(options: UserSyncOptions<T>, wait: WaitOptions): Promise<T> {
  const settings: Settings<T> = { ...options, ...wait }
  const { signal, backoff, random = Math.random } = settings
  const allowed = { notSynced: 5, other: 1, ...options.retries, ...wait.retries }
  const spent = { notSynced: 0, other: 0 }
  const begun = Date.now()
  let number = 1
  let tokenOptions: { skipCache: true } | undefined
  /** Answers how long it has taken until then. */
  const tell = (type: Progress['type'], more?: Partial<Progress>) => {
    const progress = { type, attempt: number, elapsedMs: Date.now() - begun, ...more }
    settings.onProgress?.(progress)
    settings.onEvent?.(progress)
    return progress.elapsedMs
  }

  for (;;) {
    while (!isOnline()) {
      tell('offline')
      await pause(FOR_EVER_MS, signal, 'online')
    }
    tell('request')
    const outcome: Outcome<T> = await attempt(settings, tokenOptions)
    if ('user' in outcome) {
      tell('ready')
      return outcome.user
    }
    const { retry, held, ...failure } = outcome
    // The network went away meanwhile: that was no answer, so it is not counted.
    if (retry && !isOnline()) continue
    warnOfPlainNotFound(settings, failure)

    let delayMs = nextDelayMs(backoff, allowed, spent, outcome, random())
    // A token is refused for its age, too; one made anew settles it.
    if (failure.code === 'signed_out' && failure.status && !tokenOptions) {
      tokenOptions = { skipCache: true }
      delayMs = 0
    }
    if (delayMs === undefined) {
      throw new UserSyncError({
        ...failure,
        attempts: number,
        elapsedMs: tell('failed', { code: failure.code }),
        retryable: !!retry,
      })
    }
    tell('retry', { code: failure.code, delayMs })
    if (retry) spent[retry]++
    number++
    if (delayMs) await pause(delayMs, signal)
  }
}

const warned = /* @__PURE__ */ new Set<unknown>()

/** A 404 of no server of ours is taken for a user to come; it may as well be a wrong address. */
function warnOfPlainNotFound(settings: Settings<unknown>, failure: Omit<Refusal, 'retry' | 'held'>) {
  try {
    if (process.env.NODE_ENV === 'production') return
    const { endpoint, strict404 } = settings
    if (strict404 || failure.status !== 404 || failure.serverCode || warned.has(endpoint)) return
    warned.add(endpoint)
    console.warn(
      `clerk-sync: ${endpoint} answered 404 without the code "user_not_synced". It is taken for a user to come; ` +
        'if the address is wrong, correct `endpoint`, or set `strict404`.',
    )
  } catch {
    // A page without a bundler has no `process`.
  }
}
