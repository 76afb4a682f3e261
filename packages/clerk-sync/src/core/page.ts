import { bounded, onPage } from './bounded'

/** The longest timer there is, in milliseconds; 24 days. */
const LONGEST_MS = 2 ** 31 - 1

/** Whether the browser knows that there is no network; a server always has one. */
export const isOffline = (): boolean => typeof navigator !== 'undefined' && navigator.onLine === false

/** Whether somebody may be looking. */
export const isVisible = (): boolean => typeof document === 'undefined' || document.visibilityState !== 'hidden'

/** Waits for `is`, looking again at each such event of the page. */
export const until = (is: () => boolean, event: string, outer?: AbortSignal | undefined): Promise<void> =>
  bounded(
    (signal) =>
      new Promise((resolve) => {
        const look = () => is() && resolve()
        onPage(event, look, signal)
        look()
      }),
    LONGEST_MS,
    outer,
  )
