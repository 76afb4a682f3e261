/** Whether the browser knows that there is no network; a server always has one. */
export const isOffline = (): boolean => typeof navigator !== 'undefined' && navigator.onLine === false

/** Whether somebody may be looking. */
export const isVisible = (): boolean => typeof document === 'undefined' || document.visibilityState !== 'hidden'

/** Waits for `is`, looking again at each event of that name; also on the document, where visibility is told. */
export const until = (is: () => boolean, event: string, signal?: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const look = () => {
      if (!signal?.aborted && !is()) return
      for (const target of targets) target.removeEventListener(event, look)
      signal?.removeEventListener('abort', look)
      if (signal?.aborted) reject(signal.reason)
      else resolve()
    }
    const targets: EventTarget[] = typeof window === 'undefined' ? [] : [window, document]
    for (const target of targets) target.addEventListener(event, look)
    signal?.addEventListener('abort', look)
    look()
  })
