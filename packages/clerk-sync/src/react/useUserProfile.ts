import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { RegisteredUser, UserSyncError } from 'clerk-sync'
import { userQueryOptions } from 'clerk-sync/query'
import { useUserSyncContext } from './context'

/** The record of the signed-in user, waited for if it has to be: a TanStack query. */
export function useUserProfile(): UseQueryResult<RegisteredUser, UserSyncError> {
  const { sync, account } = useUserSyncContext()
  return useQuery(userQueryOptions<RegisteredUser>(sync, account))
}
