import { type Phase, phaseOf, UserSyncError, type UserSyncErrorCode } from 'clerk-sync'
import { authLoading, signedIn, signedOut } from 'clerk-sync/testing'
import { expect, test } from 'vitest'

const ada = signedIn('user_ada')
const error = (code: UserSyncErrorCode, retryable: boolean, serverCode?: string) =>
  new UserSyncError({ code, retryable, serverCode, attempts: 1, elapsedMs: 0 })

test.each<[Phase, Parameters<typeof phaseOf>[0], unknown, UserSyncError | null]>([
  ['auth-loading', authLoading(), undefined, null],
  ['signed-out', signedOut(), undefined, null],
  ['auth-pending', { ...signedOut(), userId: 'user_ada' }, undefined, null],
  ['auth-pending', ada, undefined, error('forbidden', false, 'session_pending')],
  ['syncing', ada, undefined, null],
  ['delayed', ada, undefined, error('not_synced', true)],
  ['error', ada, undefined, error('invalid_response', false)],
  ['ready', ada, {}, null],
  // A profile that was had is kept through a bad spell,
  ['ready', ada, {}, error('network', true)],
  ['ready', ada, {}, error('invalid_response', false)],
  // but not when its account is gone.
  ['error', ada, {}, error('deleted', false)],
  ['error', ada, {}, error('forbidden', false)],
])('%s', (phase, auth, user, error) => {
  expect(phaseOf(auth, { user, error })).toBe(phase)
})
