import type { Progress } from './types'

const byUser = new Map<string, Progress>()
const listeners = new Set<() => void>()

/** Where the wait for a user has come to; apart from the profile, so that only who shows it renders anew. */
export const progressOf = (userId: string | null | undefined): Progress | undefined => byUser.get(userId ?? '')

/** Calls `listener` after each change of any progress; answers how to end that. */
export function onProgress(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Sets where a wait has come to; undefined when it is over. */
export function reportProgress(userId: string, progress?: Progress): void {
  if (progress) byUser.set(userId, progress)
  else byUser.delete(userId)
  for (const listener of listeners) listener()
}
