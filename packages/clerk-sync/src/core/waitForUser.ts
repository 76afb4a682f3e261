import { attempt } from './attempt'
import { pause } from './bounded'
import { UserSyncError } from './errors'
import { isOffline, until } from './page'
import { nextDelayMs, scheduleOf } from './schedule'
import type { UserSyncOptions, WaitOptions } from './types'

declare const process: { env: { NODE_ENV?: string } } | undefined

/** Why a request ends when the page is left; it is made anew if the page comes back. */
const LEFT = /* @__PURE__ */ new Error('the page was left')

const DEFAULT_WAIT_SECONDS = 5

/** Asks until the user is there, the retries are used up, or `signal` ends it. */
export async function waitForUser<T>(options: UserSyncOptions<T>, wait: WaitOptions): Promise<T> {
  const { getToken, userId, signal, onProgress } = wait
  const schedule = scheduleOf({ ...options.retries, ...wait.retries }, wait.backoff ?? options.backoff, options.random)
  const waitSeconds = wait.waitSeconds ?? options.waitSeconds ?? DEFAULT_WAIT_SECONDS
  const begun = Date.now()
  const spent = { notSynced: 0, other: 0 }
  let number = 1
  let freshToken = false
  const report = (nextDelayMs: number, offline = false) =>
    onProgress?.({ attempt: number, elapsedMs: Date.now() - begun, nextDelayMs, offline })

  for (;;) {
    signal?.throwIfAborted()
    if (isOffline()) {
      report(0, true)
      await until(() => !isOffline(), 'online', signal)
    }
    report(0)
    options.onEvent?.({ type: 'attempt', attempt: number })
    const outcome = await whileShown((shown) =>
      attempt(options, { getToken, userId, waitSeconds, freshToken, signal: shown }), signal)
    // Left and come back, or the network went away meanwhile: neither was an answer.
    if (!outcome || ('code' in outcome && outcome.retry && isOffline())) continue

    const elapsedMs = Date.now() - begun
    if ('user' in outcome) {
      options.onEvent?.({ type: 'ready', attempt: number, elapsedMs })
      return outcome.user
    }
    warnOfPlain404(options, outcome.status, outcome.serverCode)
    const { code } = outcome
    // A token is refused for its age, too; one made anew settles it.
    const renew: boolean = outcome.status === 401 && code === 'signed_out' && !freshToken
    freshToken ||= renew
    const delayMs = renew ? 0 : nextDelayMs(schedule, spent, outcome)
    if (delayMs === undefined) {
      options.onEvent?.({ type: 'failed', attempt: number, elapsedMs, code })
      throw new UserSyncError(outcome, number, elapsedMs, Boolean(outcome.retry))
    }
    if (outcome.retry) spent[outcome.retry]++
    options.onEvent?.({ type: 'retry', attempt: number, code, delayMs })
    if (delayMs) {
      report(delayMs)
      await pause(delayMs, signal)
    }
    number++
  }
}

/** Ends `work` when the page is left, so that the browser may keep the page; undefined once it has come back. */
async function whileShown<R>(work: (signal: AbortSignal) => Promise<R>, outer?: AbortSignal): Promise<R | undefined> {
  const controller = new AbortController()
  const stop = () => controller.abort(outer!.reason)
  const leave = () => controller.abort(LEFT)
  const page = typeof window === 'undefined' ? undefined : window
  outer?.addEventListener('abort', stop)
  page?.addEventListener('pagehide', leave)
  try {
    return await work(controller.signal)
  } catch (reason) {
    if (reason !== LEFT) throw reason
    let looks = 0
    await until(() => looks++ > 0, 'pageshow', outer)
    return undefined
  } finally {
    outer?.removeEventListener('abort', stop)
    page?.removeEventListener('pagehide', leave)
  }
}

const warned = /* @__PURE__ */ new Set<string>()

function warnOfPlain404({ endpoint, strict404 }: Pick<UserSyncOptions<never>, 'endpoint' | 'strict404'>, status?: number, serverCode?: string) {
  if (typeof process === 'undefined' || process.env.NODE_ENV === 'production') return
  const address = String(endpoint)
  if (status !== 404 || serverCode || strict404 || warned.has(address)) return
  warned.add(address)
  console.warn(
    `clerk-sync: ${address} answered 404 without the code "user_not_synced". It is taken for a user to come; ` +
      'if the address is wrong, correct `endpoint`, or set `strict404`.',
  )
}
