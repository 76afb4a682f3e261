import type { UserSync } from './createUserSync'
import type { Progress } from './types'

/** Where the wait for each user has come to; apart from the profile, so that only who shows it renders anew. */
export interface ProgressStore {
  current(userId: string | null | undefined): Progress | undefined
  report(userId: string, progress: Progress | undefined): void
  subscribe(listener: () => void): () => void
}

const stores = /* @__PURE__ */ new WeakMap<UserSync<any>, ProgressStore>()

/** The one store of a sync. */
export function progressOf(sync: UserSync<any>): ProgressStore {
  const store = stores.get(sync) ?? progressStore()
  stores.set(sync, store)
  return store
}

function progressStore(): ProgressStore {
  const byUser = new Map<string, Progress | undefined>()
  const listeners = new Set<() => void>()
  return {
    current: (userId) => byUser.get(userId ?? ''),
    report(userId, progress) {
      byUser.set(userId, progress)
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
