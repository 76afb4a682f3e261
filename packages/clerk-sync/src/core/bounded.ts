/** Why `bounded` gave up. */
export const TIMED_OUT = 'timeout'

/** Longer than any page lives, in milliseconds; timers end at 24 days. */
export const FOR_EVER_MS = 1e9

/**
 * Runs `work`, at most for `ms`, until `outer` is aborted or the page sends `event`, whatever `work` makes of its
 * signal, which is aborted at the end in any case, so that listeners bound to it go.
 *
 * Its own timer instead of `AbortSignal.timeout` and `.any`: older Safaris lack one, fake timers do not drive the other.
 */
export const bounded = <T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  outer: AbortSignal | undefined,
  event?: string,
): Promise<T> =>
  new Promise((resolve, reject) => {
    outer?.throwIfAborted()
    const controller = new AbortController()
    const { signal } = controller
    const end = (reason?: unknown) => {
      clearTimeout(timer)
      reject(reason)
      controller.abort(reason)
    }
    const timer = setTimeout(end, ms, TIMED_OUT)
    outer?.addEventListener('abort', () => end(outer.reason), { signal })
    // On a server there is no page.
    if (event) globalThis.addEventListener?.(event, end, { signal })
    work(signal).then(resolve, reject).finally(end)
  })

/** Waits for `ms`, or until the page sends `event`. */
export const pause = (ms: number, signal: AbortSignal | undefined, event?: string): Promise<void> =>
  bounded(() => new Promise<never>(() => {}), ms, signal, event).catch(() => signal?.throwIfAborted())
