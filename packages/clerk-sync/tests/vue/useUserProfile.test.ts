import { createUserSync } from 'clerk-sync'
import { fakeServer, found, notSynced, problem, unsignedToken } from 'clerk-sync/testing'
import { useUserProfile } from 'clerk-sync/vue'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type EffectScope, effectScope, ref } from 'vue'

let scope: EffectScope
beforeEach(() => {
  vi.useFakeTimers()
  scope = effectScope()
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

function setUp(keepTrying = true) {
  const server = fakeServer()
  const sync = createUserSync({ endpoint: '/me', fetch: server.fetch, random: () => 0.5, waitSeconds: 0, keepTrying })
  const userId = ref<string | null>('user_ada')
  // As `useAuth()` of @clerk/vue gives it: refs.
  const auth = {
    isLoaded: ref(true),
    isSignedIn: ref(true),
    userId,
    getToken: ref(async () => unsignedToken(userId.value ?? '')),
  }
  const start = () => scope.run(() => useUserProfile(sync, auth))!
  return { server, auth, start }
}

test('waits, says where it stands, and has the user', async () => {
  const { server, start } = setUp()
  server.answer(notSynced(), found({ id: 'user_ada' }))
  const { phase, user, progress } = start()
  expect(phase.value).toBe('syncing')
  await vi.advanceTimersByTimeAsync(0)
  expect(progress.value).toMatchObject({ type: 'retry', attempt: 1 })
  await vi.advanceTimersByTimeAsync(1000)
  expect(phase.value).toBe('ready')
  expect(user.value?.id).toBe('user_ada')
})

test('another account: nothing of the one before is shown, not even for a moment', async () => {
  const { server, auth, start } = setUp()
  server.answer(found({ id: 'user_ada' }), notSynced(), found({ id: 'user_bob' }))
  const { phase, user } = start()
  await vi.advanceTimersByTimeAsync(0)
  auth.userId.value = 'user_bob'
  expect([phase.value, user.value]).toEqual(['syncing', undefined])
  await vi.advanceTimersByTimeAsync(1000)
  expect(user.value?.id).toBe('user_bob')
  auth.isSignedIn.value = false
  auth.userId.value = null
  expect([phase.value, user.value]).toEqual(['signed-out', undefined])
})

test('delayed after the last retry, then it heals; deleted meanwhile is an error', async () => {
  const { server, start } = setUp()
  server.answer(notSynced())
  const { phase, error } = start()
  await vi.advanceTimersByTimeAsync(31_000)
  expect([phase.value, error.value?.code]).toEqual(['delayed', 'not_synced'])
  server.answer(found({ id: 'user_ada' }))
  await vi.advanceTimersByTimeAsync(22_500)
  expect([phase.value, error.value]).toEqual(['ready', null])

  const other = setUp()
  other.server.answer(notSynced())
  const profile = other.start()
  await vi.advanceTimersByTimeAsync(31_000)
  other.server.answer(problem(401, 'user_deleted'))
  await vi.advanceTimersByTimeAsync(22_500)
  expect([profile.phase.value, profile.error.value?.code]).toEqual(['error', 'deleted'])
})

test('retry starts anew; the end of the scope ends everything', async () => {
  const { server, start } = setUp(false)
  server.answer(notSynced())
  const { phase, retry } = start()
  await vi.advanceTimersByTimeAsync(600_000)
  expect(server.requests.length).toBe(6)
  retry()
  expect(phase.value).toBe('syncing')
  await vi.advanceTimersByTimeAsync(500)
  scope.stop()
  await vi.advanceTimersByTimeAsync(600_000)
  expect(server.requests.length).toBe(7)
  expect(vi.getTimerCount()).toBe(0)
})
