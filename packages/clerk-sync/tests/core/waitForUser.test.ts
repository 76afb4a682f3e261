import { createUserSync, type Progress, UserSyncError, type UserSyncOptions } from 'clerk-sync'
import { broken, fakeServer, found, heldInVain, notSynced, page, problem, silence, unsignedToken } from 'clerk-sync/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const ADA = 'user_ada'
const getToken = async () => unsignedToken(ADA)

function setUp<T>(options: Partial<UserSyncOptions<T>> = {}) {
  const server = fakeServer()
  const sync = createUserSync<T>({ endpoint: '/me', fetch: server.fetch, random: () => 0.5, ...options })
  return { server, sync }
}

/** What a promise comes to within this time. */
async function within<T>(ms: number, promise: Promise<T>) {
  const settled = promise.then(
    (value) => ({ value, error: undefined }),
    (error: UserSyncError) => ({ value: undefined, error }),
  )
  await vi.advanceTimersByTimeAsync(ms)
  return Promise.race([settled, 'still waiting' as const])
}

const times = (server: ReturnType<typeof fakeServer>) => server.requests.map((request) => request.atMs)

describe('waitForUser', () => {
  test('a user who is there costs one request, with the token and the preference', async () => {
    const { server, sync } = setUp()
    server.answer(found({ id: ADA, username: 'Ada' }))
    expect(await within(0, sync.waitForUser({ getToken }))).toMatchObject({ value: { id: ADA, username: 'Ada' } })
    expect(server.requests).toMatchObject([{ authorization: `Bearer ${unsignedToken(ADA)}`, prefer: 'wait=5' }])
  })

  test('asks after 1, 2, 4, 8 and 16 s, then says so with everything it knows', async () => {
    const { server, sync } = setUp({ waitSeconds: 0 })
    server.answer(notSynced({ 'x-request-id': 'req-1' }))
    const { error } = (await within(31_000, sync.waitForUser({ getToken }))) as { error: UserSyncError }
    expect(times(server)).toEqual([0, 1000, 3000, 7000, 15_000, 31_000])
    expect(server.requests[0]?.prefer).toBeNull()
    expect(UserSyncError.is(error, 'not_synced')).toBe(true)
    expect(UserSyncError.is(error, 'server')).toBe(false)
    expect(error).toMatchObject({
      name: 'UserSyncError',
      message: 'clerk-sync: not_synced 404',
      status: 404,
      serverCode: 'user_not_synced',
      attempts: 6,
      elapsedMs: 31_000,
      requestId: 'req-1',
      retryable: true,
    })
  })

  test('an answer that was held is followed at once', async () => {
    const { server, sync } = setUp()
    server.answer(heldInVain())
    expect(await within(30_000, sync.waitForUser({ getToken }))).toMatchObject({ error: { attempts: 6 } })
    expect(times(server)).toEqual([0, 5000, 10_000, 15_000, 20_000, 25_000])
  })

  test('an answer that only says it was held is not', async () => {
    const { server, sync } = setUp()
    server.answer(notSynced({ 'preference-applied': 'wait=5' }))
    await within(2500, sync.waitForUser({ getToken }))
    expect(times(server)).toEqual([0, 1000])
  })

  test.each([
    ['seconds', '4'],
    ['a date', new Date(4000).toUTCString()],
  ])('Retry-After as %s is sat out', async (_, value) => {
    vi.setSystemTime(0)
    const { server, sync } = setUp()
    server.answer(problem(429, 'slow_down', { 'retry-after': value }), found({ id: ADA }))
    expect(await within(3999, sync.waitForUser({ getToken }))).toBe('still waiting')
    await vi.advanceTimersByTimeAsync(1)
    expect(times(server)).toEqual([0, 4000])
  })

  test('a 401 is asked again once, at once, with a token made anew', async () => {
    const { server, sync } = setUp()
    const tokens = vi.fn(getToken)
    server.answer(problem(401, 'unauthenticated'), found({ id: ADA }))
    expect(await within(0, sync.waitForUser({ getToken: tokens }))).toMatchObject({ value: { id: ADA } })
    expect(tokens.mock.calls).toEqual([[undefined], [{ skipCache: true }]])

    server.answer(problem(401, 'unauthenticated'))
    const refused = await within(60_000, sync.waitForUser({ getToken }))
    expect(refused).toMatchObject({ error: { code: 'signed_out', status: 401, attempts: 2, retryable: false } })
  })

  test.each([
    ['deleted', 401, 'user_deleted'],
    ['forbidden', 403, 'user_banned'],
    ['server', 400, 'whatever'],
  ])('%s ends the wait at the first answer', async (code, status, serverCode) => {
    const { server, sync } = setUp()
    server.answer(problem(status, serverCode))
    expect(await within(0, sync.waitForUser({ getToken }))).toMatchObject({ error: { code, serverCode, attempts: 1 } })
  })

  test('no token is asked for once more, then it is signed out; "Bearer null" is never sent', async () => {
    const { server, sync } = setUp()
    const outcome = await within(2000, sync.waitForUser({ getToken: async () => null }))
    expect(outcome).toMatchObject({ error: { code: 'signed_out', attempts: 2, retryable: true } })
    expect(server.requests).toEqual([])
  })

  test('a token that hangs is given up after 5 s, a request after 8 s and its wait', async () => {
    const { server, sync } = setUp({ retries: { other: 0 } })
    const hung = within(5000, sync.waitForUser({ getToken: () => new Promise(() => {}) }))
    expect(await hung).toMatchObject({ error: { code: 'auth_failed', elapsedMs: 5000 } })
    server.answer(silence)
    const slow = within(13_000, sync.waitForUser({ getToken }))
    expect(await slow).toMatchObject({ error: { code: 'timeout', elapsedMs: 13_000 } })
    expect(server.requests[0]?.signal?.aborted).toBe(true)
  })

  test('a fetch that ignores its signal is given up all the same', async () => {
    const { sync } = setUp({ retries: { other: 0 }, fetch: () => new Promise(() => {}) })
    expect(await within(13_000, sync.waitForUser({ getToken }))).toMatchObject({ error: { code: 'timeout' } })
  })

  test.each([
    ['clerk_offline', { code: 'offline', attempts: 2 }],
    ['clerk_runtime_not_browser', { code: 'auth_failed', attempts: 1, retryable: false }],
    ['anything', { code: 'auth_failed', attempts: 2 }],
  ])("Clerk's error %s", async (code, expected) => {
    const { sync } = setUp()
    const failing = () => Promise.reject(Object.assign(new Error('minified'), { code }))
    const outcome = await within(2000, sync.waitForUser({ getToken: failing }))
    expect(outcome).toMatchObject({ error: { ...expected, cause: { code } } })
  })

  test('a broken connection is tried once more', async () => {
    const { server, sync } = setUp()
    server.answer(broken, broken, found({ id: ADA }))
    expect(await within(2000, sync.waitForUser({ getToken }))).toMatchObject({ error: { code: 'network', attempts: 2 } })
    server.answer(broken, found({ id: ADA }))
    expect(await within(2000, sync.waitForUser({ getToken }))).toMatchObject({ value: { id: ADA } })
  })

  test('HTML, JSON without an id and what the schema refuses are invalid responses', async () => {
    const { server, sync } = setUp()
    server.answer(page())
    const html = await within(0, sync.waitForUser({ getToken }))
    expect(html).toMatchObject({ error: { code: 'invalid_response', status: 200, cause: { name: 'SyntaxError' } } })
    server.answer(() => Response.json({ hello: 'world' }))
    expect(await within(0, sync.waitForUser({ getToken }))).toMatchObject({ error: { code: 'invalid_response' } })

    const schema = {
      '~standard': {
        validate: (value: any) => (value.email ? { value: { mail: value.email as string } } : { issues: [{ message: 'no email' }] }),
      },
    }
    const strict = setUp({ parse: schema })
    strict.server.answer(found({ id: ADA }), found({ id: ADA, email: 'ada@example.com' }))
    const refused = await within(0, strict.sync.waitForUser({ getToken }))
    expect(refused).toMatchObject({ error: { code: 'invalid_response', cause: { message: 'no email' } } })
    expect(await within(0, strict.sync.waitForUser({ getToken }))).toMatchObject({ value: { mail: 'ada@example.com' } })

    // As those of ArkType are: a function as well, which answers what is wrong instead of throwing it.
    const callable = setUp({ parse: Object.assign(() => ({ mail: '' }), schema) })
    callable.server.answer(found({ id: ADA }))
    expect(await within(0, callable.sync.waitForUser({ getToken }))).toMatchObject({ error: { cause: { message: 'no email' } } })
  })

  test("somebody else's token is not sent, and somebody else's record not taken", async () => {
    const { server, sync } = setUp()
    const others = await within(2000, sync.waitForUser({ userId: 'user_bob', getToken }))
    expect(others).toMatchObject({ error: { code: 'signed_out' } })
    expect(server.requests).toEqual([])
    server.answer(found({ id: 'user_bob' }))
    const crossed = await within(0, sync.waitForUser({ userId: ADA, getToken }))
    expect(crossed).toMatchObject({ error: { code: 'invalid_response', cause: { message: 'about somebody else' } } })
  })

  test.each([
    ['before it starts', 0],
    ['while a request is under way', 100],
    ['between two requests', 9500],
  ])('aborted %s it rejects with the reason, and no timer is left', async (_, ms) => {
    const { server, sync } = setUp({ waitSeconds: 0 })
    server.answer(silence, notSynced())
    const controller = new AbortController()
    const reason = new Error('left')
    if (ms === 0) controller.abort(reason)
    const waiting = within(ms, sync.waitForUser({ getToken, signal: controller.signal }))
    await waiting
    controller.abort(reason)
    const again = sync.waitForUser({ getToken, signal: controller.signal })
    await expect(again).rejects.toBe(reason)
    if (ms === 0) expect(await waiting).toMatchObject({ error: reason })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(vi.getTimerCount()).toBe(0)
    expect(server.requests.length).toBe({ 0: 0, 100: 1, 9500: 2 }[ms])
  })

  test('tells each step, to the wait and to the sync', async () => {
    const seen: Progress[] = []
    const onEvent = vi.fn()
    const { server, sync } = setUp({ onEvent })
    server.answer(notSynced(), found({ id: ADA }))
    await within(1000, sync.waitForUser({ getToken, onProgress: (progress) => seen.push(progress) }))
    expect(seen).toEqual([
      { type: 'request', attempt: 1, elapsedMs: 0 },
      { type: 'retry', attempt: 1, elapsedMs: 0, code: 'not_synced', delayMs: 1000 },
      { type: 'request', attempt: 2, elapsedMs: 1000 },
      { type: 'ready', attempt: 2, elapsedMs: 1000 },
    ])
    expect(onEvent.mock.calls.map(([event]) => event)).toEqual(seen)
  })

  test('as the README measures waits: one entry for each, as long as it took, with how it ended', async () => {
    const measure = vi.spyOn(performance, 'measure').mockReturnValue({} as PerformanceMeasure)
    const { server, sync } = setUp({
      onEvent({ type, attempt, elapsedMs, code }) {
        if (type !== 'ready' && type !== 'failed') return
        const end = performance.now()
        performance.measure('clerk-sync', { start: end - elapsedMs, end, detail: { type, attempt, code } })
      },
    })
    const entries = () =>
      measure.mock.calls.map(([name, options]) => {
        const { start, end, detail } = options as { start: number; end: number; detail: unknown }
        return { name, tookMs: end - start, detail }
      })
    server.answer(notSynced(), found({ id: ADA }))
    await within(1000, sync.waitForUser({ getToken }))
    server.answer(problem(403, 'user_banned'))
    await within(0, sync.waitForUser({ getToken }))
    expect(entries()).toEqual([
      { name: 'clerk-sync', tookMs: 1000, detail: { type: 'ready', attempt: 2, code: undefined } },
      { name: 'clerk-sync', tookMs: 0, detail: { type: 'failed', attempt: 1, code: 'forbidden' } },
    ])
    measure.mockRestore()
  })

  test('a plain 404 is warned of once', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { server, sync } = setUp({ endpoint: '/wrong' })
    server.answer(page(404))
    await within(10_000, sync.waitForUser({ getToken }))
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]?.[0]).toContain('/wrong')
    warn.mockRestore()
  })
})

describe('without a network', () => {
  test('nothing is asked and nothing counted until it is back', async () => {
    const page = new EventTarget()
    const navigator = { onLine: false }
    vi.stubGlobal('navigator', navigator)
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    const { server, sync } = setUp()
    server.answer(found({ id: ADA }))
    const seen: Progress[] = []
    const waiting = sync.waitForUser({ getToken, onProgress: (progress) => seen.push(progress) })
    expect(await within(3_600_000, waiting)).toBe('still waiting')
    expect(seen.map(({ type }) => type)).toEqual(['offline'])
    expect(server.requests).toEqual([])
    navigator.onLine = true
    page.dispatchEvent(new Event('online'))
    expect(await within(0, waiting)).toMatchObject({ value: { id: ADA } })
    expect(seen.at(-1)).toMatchObject({ type: 'ready', attempt: 1 })
  })

  test('a request it broke is not counted', async () => {
    const navigator = { onLine: true }
    const page = new EventTarget()
    vi.stubGlobal('navigator', navigator)
    vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
    const { server, sync } = setUp({ retries: { other: 0 } })
    server.answer(() => {
      navigator.onLine = false
      return Promise.reject(new TypeError('Failed to fetch'))
    }, found({ id: ADA }))
    const waiting = sync.waitForUser({ getToken })
    expect(await within(10_000, waiting)).toBe('still waiting')
    navigator.onLine = true
    page.dispatchEvent(new Event('online'))
    expect(await within(0, waiting)).toMatchObject({ value: { id: ADA } })
  })
})

test('leaving the page ends the request, so that the browser may keep the page; it is made anew', async () => {
  const events = new EventTarget()
  vi.stubGlobal('addEventListener', events.addEventListener.bind(events))
  const { server, sync } = setUp()
  server.answer(silence, found({ id: ADA }))
  const waiting = sync.waitForUser({ getToken })
  await within(10, waiting)
  events.dispatchEvent(new Event('pagehide'))
  expect(server.requests[0]?.signal?.aborted).toBe(true)
  expect(await within(1000, waiting)).toMatchObject({ value: { id: ADA } })
})
