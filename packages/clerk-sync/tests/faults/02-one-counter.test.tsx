import { found, notSynced, problem } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault, type View } from './driver'

fault('2: a lone 503 among 404s ends everything', /the 503 was not asked again/, async ({ Profile, server, show, pass }) => {
  server.answer(notSynced(), notSynced(), problem(503, 'unavailable'), found({ id: 'user_ada' }))
  let view: View | undefined
  show(<Profile seen={(next) => (view = next)} />)
  await pass(20_000)
  expect(view?.user?.id, 'the 503 was not asked again').toBe('user_ada')
})
