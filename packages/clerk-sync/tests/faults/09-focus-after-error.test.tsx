import { notSynced } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault } from './driver'

fault('9: after the error each focus starts anew', /focus started requests/, async ({ Profile, server, show, pass, focus }) => {
  server.answer(notSynced())
  show(<Profile seen={() => {}} />)
  await pass(60_000)
  const before = server.requests.length
  expect(before).toBeGreaterThanOrEqual(6)
  for (let time = 0; time < 3; time++) {
    await focus(false)
    await focus(true)
    await pass(2000)
  }
  // One may be the slow one that heals the page.
  expect(server.requests.length - before, 'focus started requests').toBeLessThanOrEqual(1)
})
