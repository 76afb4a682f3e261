import { act } from '@testing-library/react'
import { useUserProfile, useWaitForUser, type WaitForUser, type WaitForUserOptions } from 'clerk-sync/react'
import { found, notSynced, problem, signedOut } from 'clerk-sync/testing'
import { expect, test, vi } from 'vitest'
import { app, pass } from './setup'

let wait: WaitForUser
function Waiter(options: WaitForUserOptions) {
  wait = useWaitForUser(options)
  return null
}

test("as the document's: ten attempts a second apart, then an error", async () => {
  const { server, show } = app({ waitSeconds: 0 })
  const onError = vi.fn()
  server.answer(notSynced())
  show(<Waiter maxAttempts={10} intervalMs={1000} onError={onError} />)
  expect(wait).toMatchObject({ status: 'idle', attempt: 0 })
  act(() => void wait.startPolling().catch(() => {}))
  await pass(2500)
  expect(wait).toMatchObject({ status: 'polling', attempt: 3 })
  await pass(6500)
  expect(wait).toMatchObject({ status: 'error', error: { code: 'not_synced', attempts: 10 } })
  expect(server.requests.map(({ atMs }) => atMs)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((s) => s * 1000))
  expect(onError).toHaveBeenCalledTimes(1)
})

test('two starts are one promise and one request; the callback comes once; functions stay the same', async () => {
  const { server, show } = app()
  const onSuccess = vi.fn()
  server.answer(found({ id: 'user_ada' }))
  show(<Waiter onSuccess={onSuccess} />)
  const before = wait
  let promises: Promise<unknown>[] = []
  act(() => void (promises = [wait.start(), wait.start(), wait.startPolling()]))
  expect(new Set(promises).size).toBe(1)
  await pass(0)
  expect(server.requests.length).toBe(1)
  expect(onSuccess).toHaveBeenCalledTimes(1)
  expect(wait).toMatchObject({ status: 'success', user: { id: 'user_ada' } })
  expect([wait.start, wait.cancel]).toEqual([before.start, before.cancel])
  expect(wait.start).toBe(before.start)
})

test('cancel ends its requests and rejects with an AbortError', async () => {
  const { server, show } = app({ waitSeconds: 0 })
  server.answer(notSynced())
  show(<Waiter />)
  let rejected: unknown
  act(() => void wait.start().catch((reason) => (rejected = reason)))
  await pass(500)
  act(() => wait.cancel())
  await pass(60_000)
  expect(rejected).toMatchObject({ name: 'AbortError' })
  expect(wait.status).toBe('idle')
  expect(server.requests.length).toBe(1)

  // And it can be started again, at once.
  server.answer(found({ id: 'user_ada' }))
  act(() => void wait.start().catch(() => {}))
  await pass(0)
  expect(wait.status).toBe('success')
})

test('shares the requests of the profile, which goes on when it is cancelled', async () => {
  const { server, show } = app({ waitSeconds: 0 })
  server.answer(notSynced(), found({ id: 'user_ada' }))
  let profile: unknown
  const Profile = () => {
    profile = useUserProfile().data
    return null
  }
  show(
    <>
      <Profile />
      <Waiter />
    </>,
  )
  await pass(0)
  act(() => void wait.start().catch(() => {}))
  await pass(0)
  expect(server.requests.length).toBe(1)
  act(() => wait.cancel())
  await pass(1000)
  expect(profile).toMatchObject({ id: 'user_ada' })
  // What is there already costs nothing.
  act(() => void wait.start())
  await pass(0)
  expect(wait).toMatchObject({ status: 'success', user: { id: 'user_ada' } })
  expect(server.requests.length).toBe(2)
})

test('goes on when those who started its requests leave', async () => {
  const { server, show } = app({ waitSeconds: 0 })
  server.answer(notSynced(), found({ id: 'user_ada' }))
  const Profile = () => <>{String(useUserProfile().status)}</>
  show([<Profile key="profile" />, <Waiter key="waiter" />])
  await pass(0)
  act(() => void wait.start().catch(() => {}))
  show([<Waiter key="waiter" />])
  await pass(2000)
  expect(wait.status).toBe('success')
})

test('an error that is no "not yet" ends it', async () => {
  const { server, show } = app()
  server.answer(problem(403, 'user_banned'))
  show(<Waiter />)
  act(() => void wait.start().catch(() => {}))
  await pass(0)
  expect(wait).toMatchObject({ status: 'error', error: { code: 'forbidden', serverCode: 'user_banned' } })
})

test('with nobody signed in there is nobody to wait for', async () => {
  const { show } = app()
  show(<Waiter />, signedOut())
  let promise!: Promise<unknown>
  act(() => void (promise = wait.start()))
  await expect(promise).rejects.toThrow('nobody is signed in')
  expect(wait.status).toBe('error')
})
