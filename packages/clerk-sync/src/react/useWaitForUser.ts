import { QueryObserver, useQueryClient } from '@tanstack/react-query'
import type { RegisteredUser, UserSyncError } from 'clerk-sync'
import { userQueryOptions } from 'clerk-sync/query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { nobody, useUserSyncContext } from './context'
import { useProgress } from './useProgress'

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

interface Run {
  promise: Promise<RegisteredUser>
  /** Ends it, once; answers whether it had not ended before. */
  end: (next: State) => boolean
}

const IDLE: State = { status: 'idle', user: undefined, error: null }

/** Waits when told to, for the same record and over the same requests as `useUserProfile`. */
export function useWaitForUser(options: WaitForUserOptions = {}): WaitForUser {
  const context = useUserSyncContext()
  const { sync, account } = context
  const client = useQueryClient()
  const [state, setState] = useState(IDLE)
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const run = useRef<Run | undefined>(undefined)

  const cancel = useCallback(() => void run.current?.end(IDLE), [])

  const start = useCallback(() => {
    if (run.current) return run.current.promise
    const controller = new AbortController()
    const { signal } = controller
    const { maxAttempts, intervalMs } = latest.current
    const query = userQueryOptions<RegisteredUser>(sync, account, {
      ...(maxAttempts !== undefined && { retries: { notSynced: maxAttempts - 1 } }),
      ...(intervalMs !== undefined && { backoff: { initialMs: intervalMs, factor: 1 } }),
    })
    const promise = new Promise<RegisteredUser>((resolve, reject) => {
      if (!account.userId) throw nobody()
      // Its requests go on while anybody observes them, whoever began, and end with the last one.
      signal.addEventListener('abort', new QueryObserver(client, query).subscribe(() => {}))
      signal.addEventListener('abort', () => reject(signal.reason))
      client.fetchQuery(query).then(resolve, reject)
    })
    const end = (next: State) => {
      if (signal.aborted) return false
      controller.abort()
      run.current = undefined
      setState(next)
      return true
    }
    promise.then(
      (user) => end({ ...IDLE, status: 'success', user }) && latest.current.onSuccess?.(user),
      (error: UserSyncError) => end({ ...IDLE, status: 'error', error }) && latest.current.onError?.(error),
    )
    run.current = { promise, end }
    setState({ ...IDLE, status: 'polling' })
    return promise
  }, [sync, client, account])

  // Unmounted, or another account: nothing of it goes on.
  useEffect(
    () => () => {
      cancel()
      setState(IDLE)
    },
    [start, cancel],
  )

  const progress = useProgress(context)
  const attempt = state.status === 'polling' && progress ? progress.attempt : 0
  return { ...state, attempt, start, startPolling: start, cancel }
}
