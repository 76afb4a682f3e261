import { found, notSynced } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault, type View } from './driver'

fault('7: a hidden tab stops waiting', /nothing came while it was hidden/, async ({ Profile, server, show, pass, focus }) => {
  server.answer(notSynced(), notSynced(), found({ id: 'user_ada' }))
  // The person reads the verification mail in another tab.
  await focus(false)
  let view: View | undefined
  show(<Profile seen={(next) => (view = next)} />)
  await pass(60_000)
  expect(view?.user?.id, 'nothing came while it was hidden').toBe('user_ada')
})
