import { found, signedIn, signedOut } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault, type View } from './driver'

fault("3: the next account sees the last one's profile", /ada was shown to another/, async ({ Profile, server, show, pass }) => {
  const views: View[] = []
  const profile = <Profile seen={(next) => views.push(next)} />
  server.answer(found({ id: 'user_ada' }))
  show(profile, signedIn('user_ada'))
  await pass(10)
  expect(views.at(-1)?.user?.id).toBe('user_ada')

  views.length = 0
  server.answer(found({ id: 'user_bob' }))
  show(profile, signedOut())
  await pass(10)
  show(profile, signedIn('user_bob'))
  await pass(10)
  const others = views.map((view) => view.user?.id)
  expect(others, 'ada was shown to another').not.toContain('user_ada')
  expect(others.at(-1)).toBe('user_bob')
})
