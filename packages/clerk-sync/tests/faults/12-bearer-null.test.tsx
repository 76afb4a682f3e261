import { found, signedIn, unsignedToken } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault, type View } from './driver'

fault('12: no token is sent as "Bearer null"', /null was sent/, async ({ Profile, server, show, pass }) => {
  server.answer(found({ id: 'user_ada' }))
  let token: string | null = null
  let view: View | undefined
  show(<Profile seen={(next) => (view = next)} />, signedIn('user_ada', { getToken: async () => token }))
  await pass(10)
  token = unsignedToken('user_ada')
  await pass(5000)
  const sent = server.requests.map((request) => request.authorization)
  expect(sent, 'null was sent').toEqual([`Bearer ${token}`])
  expect(view?.user?.id).toBe('user_ada')
})
