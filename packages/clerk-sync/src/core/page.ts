/** False when the browser knows that there is no network; a server always has one. */
export const isOnline = (): boolean => globalThis.navigator?.onLine !== false
