import { QueryObserver, useQueryClient } from '@tanstack/react-query'
import type { RegisteredUser, UserSyncError } from 'clerk-sync'
import { userQueryOptions } from 'clerk-sync/query'
import { useEffect, useMemo, useState } from 'react'
import { nobody, useUserSyncContext } from './context'
import { useNewest } from './useNewest'
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

/** What a start has come to. */
type State = Pick<WaitForUser, 'status'> & Partial<Pick<WaitForUser, 'user' | 'error'>>

const IDLE: State = { status: 'idle' }

/** Waits when told to, for the same record and over the same requests as `useUserProfile`. */
export function useWaitForUser(options: WaitForUserOptions = {}): WaitForUser {
  const context = useUserSyncContext()
  const client = useQueryClient()
  const newest = useNewest(options)
  const [state, setState] = useState(IDLE)

  const [controls, end] = useMemo(() => {
    const { sync, account } = context
    let run: AbortController | undefined
    let promise: Promise<RegisteredUser>
    const end = (next: State) => {
      run?.abort()
      run = undefined
      setState(next)
    }
    const start = () => {
      if (run) return promise
      const { signal } = (run = new AbortController())
      const { maxAttempts, intervalMs } = newest.current
      const query = userQueryOptions<RegisteredUser>(sync, account, {
        ...(maxAttempts != null && { retries: { notSynced: maxAttempts - 1 } }),
        ...(intervalMs != null && { backoff: { initialMs: intervalMs, factor: 1 } }),
      })
      promise = new Promise((resolve, reject) => {
        if (!account.userId) nobody()
        // Its requests go on while anybody observes them, whoever began, and end with the last one.
        const leave = new QueryObserver(client, query).subscribe(() => {})
        signal.onabort = () => {
          leave()
          reject(signal.reason)
        }
        client.fetchQuery(query).then(resolve, reject)
      })
      promise.then(
        (user) => {
          if (signal.aborted) return
          end({ status: 'success', user })
          newest.current.onSuccess?.(user)
        },
        (error: UserSyncError) => {
          if (signal.aborted) return
          end({ status: 'error', error })
          newest.current.onError?.(error)
        },
      )
      setState({ status: 'polling' })
      return promise
    }
    return [{ start, startPolling: start, cancel: () => run && end(IDLE) }, end] as const
  }, [context, client])

  // Unmounted, or another account: nothing of it goes on.
  useEffect(() => () => end(IDLE), [end])

  const progress = useProgress()
  const attempt = state.status === 'polling' && progress ? progress.attempt : 0
  return { attempt, user: undefined, error: null, ...state, ...controls }
}
