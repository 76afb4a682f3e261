import { screen } from '@testing-library/react'
import { found, notSynced } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault } from './driver'

fault('1: a 404 for ever ends in an error nothing heals', /the page did not heal/, async ({ Gate, server, show, pass }) => {
  server.answer(notSynced())
  show(<Gate>welcome</Gate>)
  await pass(40_000)
  server.answer(found({ id: 'user_ada' }))
  await pass(60_000)
  expect(screen.queryByText('welcome'), 'the page did not heal').not.toBeNull()
})
