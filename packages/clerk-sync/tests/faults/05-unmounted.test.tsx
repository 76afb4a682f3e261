import { found, notSynced } from 'clerk-sync/testing'
import { expect, vi } from 'vitest'
import { fault } from './driver'

fault('5: polling and onSuccess outlive the component', /it went on/, async ({ Poller, server, show, pass }) => {
  const onSuccess = vi.fn()
  server.answer(notSynced())
  const leave = show(<Poller onSuccess={onSuccess} />)
  await pass(1500)
  const before = server.requests.length
  expect(before).toBeGreaterThan(0)
  leave()
  server.answer(found({ id: 'user_ada' }))
  await pass(20_000)
  expect(server.requests.length, 'it went on').toBe(before)
  expect(onSuccess).not.toHaveBeenCalled()
})
