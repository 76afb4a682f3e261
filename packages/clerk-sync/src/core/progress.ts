import type { Progress } from './types'

/** Where the wait for each user has come to; apart from the profile, so that only who shows it renders anew. */
export interface ProgressStore {
  current(userId: string | null | undefined): Progress | undefined
  report(userId: string, progress: Progress | undefined): void
  subscribe(listener: () => void): () => void
}

export function progressStore(): ProgressStore {
  const byUser = new Map<string, Progress>()
  const listeners = new Set<() => void>()
  return {
    current: (userId) => byUser.get(userId ?? ''),
    report(userId, progress) {
      if (progress) byUser.set(userId, progress)
      else byUser.delete(userId)
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
