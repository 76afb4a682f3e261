import type { DataTag, QueryFunction } from '@tanstack/react-query'
import { type GetToken, type Progress, reportProgress, type UserKey, type UserSync, type WaitOptions } from 'clerk-sync'

/** Whose record, and where its token comes from. */
export interface Account {
  userId: string | null | undefined
  getToken: GetToken
}

/** For one wait alone; what runs already is shared as it is. */
export type HowToWait = Pick<WaitOptions, 'retries' | 'backoff'>

/** Options for `useQuery`, `useSuspenseQuery`, `fetchQuery` and their like. */
export interface UserQueryOptions<T> {
  queryKey: DataTag<UserKey, T>
  queryFn: QueryFunction<T, UserKey>
  enabled: boolean
  retry: false
  networkMode: 'always'
  staleTime: number
  retryOnMount: false
  refetchOnWindowFocus: (query: { state: { status: string } }) => boolean
  meta: { persist: false }
}

/**
 * The record of a user as a query. The wait is inside of it, so TanStack neither retries nor pauses it, and whoever
 * asks for the same user at the same time shares it.
 */
export function userQueryOptions<T>(sync: UserSync<T>, account: Account, how?: HowToWait): UserQueryOptions<T> {
  const userId = account.userId
  const report = (progress?: Progress) => reportProgress(userId!, progress)
  return {
    queryKey: sync.queryKey(userId) as DataTag<UserKey, T>,
    queryFn: ({ signal }) =>
      sync
        .waitForUser({ ...how, ...account, signal, onProgress: report })
        // A wait that was given up must not wipe what the next one says.
        .finally(() => signal.aborted || report()),
    enabled: Boolean(userId),
    retry: false,
    // Nor does a connection that comes back fetch anew: with this, TanStack's default is not to.
    networkMode: 'always',
    staleTime: 60_000,
    // After an error only a person, or `keepTrying`, asks again.
    retryOnMount: false,
    refetchOnWindowFocus: (query) => query.state.status === 'success',
    // No account's data belongs on a disk somebody else may use.
    meta: { persist: false },
  }
}
