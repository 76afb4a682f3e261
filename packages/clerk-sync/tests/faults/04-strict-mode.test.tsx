import { notSynced, signedIn } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault } from './driver'

fault('4: StrictMode doubles the polling', /too many requests/, async ({ Poller, server, show, pass }) => {
  server.answer(notSynced())
  show(<Poller />, signedIn('user_ada'), { strict: true })
  await pass(3500)
  // At 0, 1, 2 and 3 s.
  expect(server.requests.length, 'too many requests').toBeLessThanOrEqual(4)
  expect(server.requests.length).toBeGreaterThan(1)
})
