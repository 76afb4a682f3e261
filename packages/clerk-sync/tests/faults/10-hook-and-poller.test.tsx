import { notSynced } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault } from './driver'

fault('10: hook and poller together double the load', /each has its own requests/, async ({ Profile, Poller, server, show, pass }) => {
  server.answer(notSynced())
  show(
    <>
      <Profile seen={() => {}} />
      <Poller />
    </>,
  )
  await pass(3500)
  expect(server.requests.length, 'each has its own requests').toBeLessThanOrEqual(4)
})
