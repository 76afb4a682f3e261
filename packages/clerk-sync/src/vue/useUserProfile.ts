import { type Auth, type GetToken, keepTrying, type Phase, phaseOf, type Progress, type UserSync, UserSyncError } from 'clerk-sync'
import { computed, type MaybeRef, onScopeDispose, type Ref, shallowRef, unref, watch } from 'vue'

/** What is needed of `useAuth()` of `@clerk/vue`. */
export interface VueAuth {
  isLoaded: MaybeRef<boolean>
  isSignedIn: MaybeRef<boolean | undefined>
  userId: MaybeRef<string | null | undefined>
  getToken: MaybeRef<GetToken>
}

export interface UserProfile<T> {
  phase: Readonly<Ref<Phase>>
  user: Readonly<Ref<T | undefined>>
  error: Readonly<Ref<UserSyncError | null>>
  progress: Readonly<Ref<Progress | undefined>>
  retry: () => void
}

/** The record of the signed-in user, waited for if it has to be; one wait for each call, ended with its scope. */
export function useUserProfile<T>(sync: UserSync<T>, auth: VueAuth): UserProfile<T> {
  const user = shallowRef<T>()
  const error = shallowRef<UserSyncError | null>(null)
  const progress = shallowRef<Progress>()
  let running: AbortController | undefined
  const now = (): Auth => ({
    isLoaded: unref(auth.isLoaded),
    isSignedIn: unref(auth.isSignedIn),
    userId: unref(auth.userId),
    getToken: (options) => unref(auth.getToken)(options),
  })

  async function retry() {
    running?.abort()
    const { userId, isLoaded, isSignedIn, getToken } = now()
    error.value = null
    progress.value = undefined
    if (!isLoaded || !isSignedIn || !userId) return
    const { signal } = (running = new AbortController())
    try {
      try {
        const onProgress = (next: Progress) => {
          if (!signal.aborted) progress.value = next
        }
        const found = await sync.waitForUser({ getToken, userId, signal, onProgress })
        if (!signal.aborted) user.value = found
      } catch (reason) {
        if (signal.aborted || !UserSyncError.is(reason)) throw reason
        error.value = reason
        if (sync.options.keepTrying === false || !reason.retryable) return
        const found = await keepTrying(sync, { error: reason, getToken, userId, signal })
        if (signal.aborted) return
        error.value = null
        user.value = found
      }
    } catch (reason) {
      if (!signal.aborted && UserSyncError.is(reason)) error.value = reason
    }
  }

  watch(
    () => [unref(auth.isLoaded), unref(auth.isSignedIn), unref(auth.userId)],
    () => {
      user.value = undefined
      void retry()
    },
    { immediate: true, flush: 'sync' },
  )
  onScopeDispose(() => running?.abort())
  const phase = computed(() => phaseOf(now(), { user: user.value, error: error.value }))
  return { phase, user, error, progress, retry: () => void retry() }
}
