import { createUserSync, keepTrying, UserSyncError } from 'clerk-sync'
import { fakeServer, found, heldInVain, problem, unsignedToken } from 'clerk-sync/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const getToken = async () => unsignedToken('user_ada')
const failed = (retryAfterMs?: number) =>
  new UserSyncError({ code: 'not_synced', attempts: 6, elapsedMs: 0, retryable: true, retryAfterMs })

function setUp() {
  const server = fakeServer()
  // In the middle: a pause of 22.5 s.
  const sync = createUserSync({ endpoint: '/me', fetch: server.fetch, random: () => 0.5 })
  return { server, sync, times: () => server.requests.map((request) => request.atMs) }
}

test('asks slowly, held for 25 s each, until the user is there', async () => {
  const { server, sync, times } = setUp()
  server.answer(heldInVain(), heldInVain(), found({ id: 'user_ada' }))
  const trying = keepTrying(sync, { error: failed(), getToken })
  await vi.advanceTimersByTimeAsync(3 * 22_500 + 2 * 25_000)
  expect(await trying).toMatchObject({ id: 'user_ada' })
  expect(times()).toEqual([22_500, 70_000, 117_500])
  expect(server.requests[0]?.prefer).toBe('wait=25')
})

test('waits as long as the server says, and until somebody looks', async () => {
  const page = new EventTarget()
  const document = { hidden: true }
  vi.stubGlobal('document', document)
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  const { server, sync, times } = setUp()
  server.answer(found({ id: 'user_ada' }))
  void keepTrying(sync, { error: failed(120_000), getToken })
  await vi.advanceTimersByTimeAsync(600_000)
  expect(times()).toEqual([])
  document.hidden = false
  page.dispatchEvent(new Event('visibilitychange'))
  await vi.advanceTimersByTimeAsync(0)
  expect(times()).toEqual([600_000])
})

test('ends when asking cannot help, and when it is aborted', async () => {
  const { server, sync } = setUp()
  server.answer(problem(401, 'user_deleted'))
  const trying = keepTrying(sync, { error: failed(), getToken })
  const outcome = expect(trying).rejects.toMatchObject({ code: 'deleted' })
  await vi.advanceTimersByTimeAsync(22_500)
  await outcome

  const controller = new AbortController()
  const aborted = expect(keepTrying(sync, { error: failed(), getToken, signal: controller.signal })).rejects.toBe('left')
  controller.abort('left')
  await aborted
  expect(vi.getTimerCount()).toBe(0)
})
