/** Why `bounded` gave up. */
export const TIMED_OUT: Error = /* @__PURE__ */ new Error('it took too long')

/**
 * Runs `work`, at most for `ms` and at most until `outer` is aborted, whatever `work` makes of its signal, which is
 * aborted at the end in any case, so that listeners bound to it go. `leaving` names the event that ends it as well.
 *
 * Its own timer instead of `AbortSignal.timeout` and `.any`: older Safaris lack one, fake timers do not drive the other.
 */
export const bounded = <T>(
  work: (signal: AbortSignal) => Promise<T>,
  ms: number,
  outer?: AbortSignal | undefined,
  leaving?: 'pagehide',
): Promise<T> =>
  new Promise((resolve, reject) => {
    const controller = new AbortController()
    const { signal } = controller
    const end = (reason?: unknown) => {
      clearTimeout(timer)
      reject(reason)
      controller.abort(reason)
    }
    const stop = () => end(outer!.reason)
    const timer = setTimeout(end, ms, TIMED_OUT)
    if (outer?.aborted) return stop()
    outer?.addEventListener('abort', stop, { signal })
    if (leaving) onPage(leaving, end, signal)
    work(signal).then(resolve, reject).finally(end)
  })

/** Calls `listener` at each such event of the page, until `signal` is aborted; on a server there are none. */
export const onPage = (event: string, listener: (event: Event) => void, signal: AbortSignal): void =>
  globalThis.addEventListener?.(event, listener, { signal })

/** Waits. */
export const pause = (ms: number, signal?: AbortSignal | undefined): Promise<void> =>
  bounded(() => new Promise<never>(() => {}), ms, signal).catch((reason: unknown) => {
    if (reason !== TIMED_OUT) throw reason
  })
