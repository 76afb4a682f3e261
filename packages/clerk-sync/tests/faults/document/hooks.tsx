/**
 * The hooks of the document this project started from, as they stand there but for types and icons.
 *
 * THIS VERSION IS FAULTY, on purpose: it has each of the twelve faults of this folder. It is kept to show that the tests
 * can fail. Never use it.
 */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useApi, useAuth } from './app'

const QUERY_KEY = ['user', 'me']
const STALE_TIME_LONG = 5 * 60_000

export function useUserProfile() {
  const api = useApi()
  const { isSignedIn, isLoaded } = useAuth()

  return useQuery({
    queryKey: QUERY_KEY,
    queryFn: () => api.getMe(),
    enabled: isLoaded && !!isSignedIn,
    staleTime: STALE_TIME_LONG,

    // Retry configuration for race condition
    retry: (failureCount, error: any) => {
      // Retry up to 5 times for 404 errors (user not yet created)
      if (error?.response?.status === 404 && failureCount < 5) {
        return true
      }
      // Retry once for other errors
      return failureCount < 1
    },

    // Exponential backoff: 1s, 2s, 4s, 8s, 16s
    retryDelay: (attemptIndex) => Math.min(1000 * 2 ** attemptIndex, 16000),
  })
}

export function UserSyncLoading({ children }: { children: React.ReactNode }) {
  const { isLoading, isError, error, failureCount } = useUserProfile()

  if (isLoading) {
    return <p>{failureCount > 0 ? `Setting up your account... (attempt ${failureCount + 1})` : 'Loading your profile...'}</p>
  }

  if (isError) {
    return (
      <div>
        <p>Failed to load profile</p>
        <p>{error?.message || 'Please try refreshing the page'}</p>
        <button onClick={() => window.location.reload()}>Retry</button>
      </div>
    )
  }

  return <>{children}</>
}

interface UseWaitForUserOptions {
  maxAttempts?: number
  intervalMs?: number
  onSuccess?: () => void
  onError?: (error: Error) => void
}

export function useWaitForUser(options: UseWaitForUserOptions = {}) {
  const { maxAttempts = 10, intervalMs = 1000, onSuccess, onError } = options

  const api = useApi()
  const [status, setStatus] = useState<'idle' | 'polling' | 'success' | 'error'>('idle')
  const [attempts, setAttempts] = useState(0)

  const startPolling = async () => {
    setStatus('polling')
    setAttempts(0)

    for (let i = 0; i < maxAttempts; i++) {
      setAttempts(i + 1)

      try {
        await api.getMe()
        setStatus('success')
        onSuccess?.()
        return
      } catch (error: any) {
        if (error?.response?.status !== 404) {
          // Non-404 error, stop polling
          setStatus('error')
          onError?.(error)
          return
        }

        // 404 - user not yet created, continue polling
        if (i < maxAttempts - 1) {
          await new Promise((resolve) => setTimeout(resolve, intervalMs))
        }
      }
    }

    // Max attempts reached
    setStatus('error')
    onError?.(new Error('User creation timeout'))
  }

  return {
    status,
    attempts,
    maxAttempts,
    startPolling,
    isPolling: status === 'polling',
    isSuccess: status === 'success',
    isError: status === 'error',
  }
}
