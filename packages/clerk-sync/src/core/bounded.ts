/** Why `bounded` gave up. */
export const TIMED_OUT: Error = /* @__PURE__ */ new Error('it took too long')

/**
 * Runs `work`, at most for `ms` and at most until `outer` is aborted, whatever `work` makes of its signal.
 * Its own timer instead of `AbortSignal.timeout` and `.any`: older Safaris lack one, fake timers do not drive the other.
 */
export const bounded = <T>(
  work: (signal: AbortSignal) => PromiseLike<T>,
  ms: number,
  outer?: AbortSignal | undefined,
): Promise<T> =>
  new Promise((resolve, reject) => {
    const controller = new AbortController()
    const settle = <V>(then: (value: V) => void) => (value: V) => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', stop)
      then(value)
    }
    const fail = settle(reject)
    const end = (reason: unknown) => {
      fail(reason)
      controller.abort(reason)
    }
    const stop = () => end(outer!.reason)
    const timer = setTimeout(end, ms, TIMED_OUT)
    if (outer?.aborted) return stop()
    outer?.addEventListener('abort', stop)
    work(controller.signal).then(settle(resolve), fail)
  })

/** Waits. */
export const pause = (ms: number, signal?: AbortSignal | undefined): Promise<void> =>
  bounded(() => new Promise<never>(() => {}), ms, signal).catch((reason: unknown) => {
    if (reason !== TIMED_OUT) throw reason
  })
