import { found, silence } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault, type View } from './driver'

fault('8: one hung request blocks for ever', /it hung/, async ({ Profile, server, show, pass }) => {
  server.answer(silence, found({ id: 'user_ada' }))
  let view: View | undefined
  show(<Profile seen={(next) => (view = next)} />)
  await pass(120_000)
  expect(view?.user?.id, 'it hung').toBe('user_ada')
})
