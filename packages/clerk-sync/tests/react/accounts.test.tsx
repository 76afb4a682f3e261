import { UserSyncBoundary, useUserProfile, useWaitForUser } from 'clerk-sync/react'
import { authLoading, found, notSynced, signedIn, signedOut, silence, unsignedToken } from 'clerk-sync/testing'
import { useEffect } from 'react'
import { expect, test, vi } from 'vitest'
import { app, pass } from './setup'

const body = () => globalThis.document.body.textContent
const boundary = <UserSyncBoundary>{(me) => me.id}</UserSyncBoundary>

test('two accounts in one page: each sees its own, and nothing of the other is kept', async () => {
  const { server, client, show } = app()
  server.answer(found({ id: 'user_ada' }))
  show(boundary, signedIn('user_ada'))
  await pass(0)
  expect(body()).toBe('user_ada')

  show(boundary, authLoading())
  show(boundary, signedOut())
  await pass(0)
  expect(body()).toBe('')
  expect(client.getQueryCache().getAll().map((query) => query.state.data)).toEqual([undefined])

  server.answer(silence)
  show(boundary, signedIn('user_bob'))
  await pass(1000)
  expect(body()).not.toContain('user_ada')
})

test('switched at once, without a sign-out between', async () => {
  const { server, client, show } = app()
  server.answer(found({ id: 'user_ada' }), found({ id: 'user_bob' }))
  show(boundary, signedIn('user_ada'))
  await pass(0)
  show(boundary, signedIn('user_bob'))
  expect(body()).toBe('')
  await pass(0)
  expect(body()).toBe('user_bob')
  expect(JSON.stringify(client.getQueryCache().getAll().map((query) => query.queryKey))).not.toContain('user_ada')
})

test('Clerk unloading for a moment, as it does in setActive, costs no profile', async () => {
  const { server, show } = app()
  server.answer(found({ id: 'user_ada' }))
  show(boundary, signedIn('user_ada'))
  await pass(0)
  show(boundary, authLoading())
  show(boundary, signedIn('user_ada'))
  expect(body()).toBe('user_ada')
  expect(server.requests.length).toBe(1)
})

test('a sign-out ends the wait, and the newest getToken is the one that is used', async () => {
  const { server, show } = app({ waitSeconds: 0 })
  server.answer(notSynced())
  show(boundary, signedIn('user_ada', { getToken: async () => 'old' }))
  await pass(0)
  show(boundary, signedIn('user_ada', { getToken: async () => 'new' }))
  await pass(1000)
  expect(server.requests.map(({ authorization }) => authorization)).toEqual(['Bearer old', 'Bearer new'])
  show(boundary, signedOut())
  await pass(60_000)
  expect(server.requests.length).toBe(2)
})

test("one account's wait never sends another's token", async () => {
  const { server, show } = app()
  server.answer(notSynced())
  const bobs = async () => unsignedToken('user_bob')
  show(boundary, signedIn('user_ada', { getToken: bobs }))
  await pass(60_000)
  expect(server.requests).toEqual([])
})

test('useWaitForUser stops with its account', async () => {
  const { server, show } = app({ waitSeconds: 0 })
  const onSuccess = vi.fn()
  const Poller = () => {
    const { start, status } = useWaitForUser({ onSuccess })
    useEffect(() => void start().catch(() => {}), [])
    return <>{status}</>
  }
  server.answer(notSynced(), found({ id: 'user_ada' }))
  show(<Poller />, signedIn('user_ada'))
  await pass(0)
  expect(body()).toBe('polling')
  show(<Poller />, signedIn('user_bob'))
  await pass(60_000)
  expect(body()).toBe('idle')
  expect(onSuccess).not.toHaveBeenCalled()
})

test('a profile that fails to refresh stays', async () => {
  const { server, client, show } = app()
  server.answer(found({ id: 'user_ada' }), () => Promise.reject(new TypeError('Failed to fetch')))
  let error: unknown
  const Profile = () => {
    const { data, error: seen } = useUserProfile()
    error = seen
    return <>{data?.id}</>
  }
  show(
    <>
      <Profile />
      {boundary}
    </>,
  )
  await pass(0)
  void client.refetchQueries({})
  await pass(2000)
  expect(error).toMatchObject({ code: 'network' })
  expect(body()).toBe('user_adauser_ada')
})
