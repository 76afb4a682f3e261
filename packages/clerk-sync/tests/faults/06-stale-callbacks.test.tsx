import { found, notSynced } from 'clerk-sync/testing'
import { expect, vi } from 'vitest'
import { fault } from './driver'

fault('6: an old onSuccess is called', /the newest was not called/, async ({ Poller, server, show, pass }) => {
  const [old, newest] = [vi.fn(), vi.fn()]
  server.answer(notSynced(), notSynced(), found({ id: 'user_ada' }))
  show(<Poller onSuccess={old} />)
  await pass(500)
  show(<Poller onSuccess={newest} />)
  await pass(5000)
  expect(newest, 'the newest was not called').toHaveBeenCalledTimes(1)
  expect(old).not.toHaveBeenCalled()
})
