import type { Progress } from './types'

// Of one user: there is one person before a page, and nobody looks on a server.
let latest: { userId?: string; progress?: Progress | undefined } = {}
const listeners = new Set<() => void>()

/** Where the wait for a user has come to; apart from the profile, so that only who shows it renders anew. */
export const progressOf = (userId: string | null | undefined): Progress | undefined =>
  latest.userId === userId ? latest.progress : undefined

/** Calls `listener` after each change of any progress; answers how to end that. */
export function onProgress(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Sets where a wait has come to; undefined when it is over. */
export function reportProgress(userId: string, progress?: Progress): void {
  latest = { userId, progress }
  listeners.forEach((listener) => listener())
}
