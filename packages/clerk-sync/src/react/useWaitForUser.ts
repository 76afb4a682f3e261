import { CancelledError, useQueryClient } from '@tanstack/react-query'
import { progressOf, type RegisteredUser, type UserSyncError } from 'clerk-sync'
import { userQueryOptions } from 'clerk-sync/query'
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { useUserSyncContext } from './context'

export interface WaitForUserOptions {
  /** How many requests at most while the user is not there. Default: the retries of the sync, and the first. */
  maxAttempts?: number
  /** The time between requests the server does not hold, in milliseconds. Default: the backoff of the sync. */
  intervalMs?: number
  /** The newest one is called, at most once a start, never after a cancel or unmount. */
  onSuccess?: (user: RegisteredUser) => void
  onError?: (error: UserSyncError) => void
}

export interface WaitForUser {
  status: 'idle' | 'polling' | 'success' | 'error'
  /** The request under way, from 1; 0 before. */
  attempt: number
  user: RegisteredUser | undefined
  error: UserSyncError | null
  /** Starts, or joins what runs: two calls, one promise. */
  start: () => Promise<RegisteredUser>
  startPolling: () => Promise<RegisteredUser>
  /** Ends the wait of this component; the profile others wait for goes on. */
  cancel: () => void
}

type State = Pick<WaitForUser, 'status' | 'user' | 'error'>
const IDLE: State = { status: 'idle', user: undefined, error: null }

/** Waits when told to, for the same record and over the same requests as `useUserProfile`. */
export function useWaitForUser(options: WaitForUserOptions = {}): WaitForUser {
  const { sync, auth, tokenOf } = useUserSyncContext()
  const client = useQueryClient()
  const { userId } = auth
  const [state, setState] = useState(IDLE)
  const latest = useRef({ options, auth })
  useEffect(() => {
    latest.current = { options, auth }
  })
  const run = useRef<{ controller: AbortController; promise: Promise<RegisteredUser> } | undefined>(undefined)

  const cancel = useCallback(() => {
    run.current?.controller.abort()
    run.current = undefined
    setState((now) => (now.status === 'polling' ? IDLE : now))
  }, [])

  const start = useCallback(() => {
    if (run.current) return run.current.promise
    const controller = new AbortController()
    const { signal } = controller
    const { maxAttempts, intervalMs } = latest.current.options
    const account = { userId, getToken: tokenOf(latest.current.auth) }
    const query = userQueryOptions<RegisteredUser>(sync, account, {
      ...(maxAttempts !== undefined && { retries: { notSynced: maxAttempts - 1 } }),
      ...(intervalMs !== undefined && { backoff: { initialMs: intervalMs, factor: 1 } }),
    })
    const promise = new Promise<RegisteredUser>((resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason)
        const entry = client.getQueryCache().find({ queryKey: query.queryKey })
        // Others may look at it and need its requests. An entry that was cancelled cannot be fetched at once again.
        if (entry?.state.data === undefined && !entry?.getObserversCount()) {
          client.removeQueries({ queryKey: query.queryKey, exact: true })
        }
      })
      if (!userId) throw new Error('clerk-sync: nobody is signed in')
      // What others started ends when they leave; this wait has not.
      const ask = (): Promise<RegisteredUser> =>
        client.fetchQuery(query).catch((error: unknown) => {
          if (error instanceof CancelledError && !signal.aborted) return ask()
          throw error
        })
      ask().then(resolve, reject)
    })
    run.current = { controller, promise }
    setState({ ...IDLE, status: 'polling' })
    const end = (next: State, tell: () => void) => {
      if (signal.aborted) return
      run.current = undefined
      setState(next)
      tell()
    }
    promise.then(
      (user) => end({ status: 'success', user, error: null }, () => latest.current.options.onSuccess?.(user)),
      (error: UserSyncError) =>
        end({ status: 'error', user: undefined, error }, () => latest.current.options.onError?.(error)),
    )
    return promise
  }, [sync, client, tokenOf, userId])

  // Unmounted, or another account: nothing of it goes on.
  useEffect(
    () => () => {
      cancel()
      setState(IDLE)
    },
    [start, cancel],
  )

  const store = progressOf(sync)
  const attempt = useSyncExternalStore(store.subscribe, () => store.current(userId)?.attempt ?? 0, () => 0)
  return { ...state, attempt: state.status === 'polling' ? attempt : 0, start, startPolling: start, cancel }
}
