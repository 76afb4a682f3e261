import { page } from 'clerk-sync/testing'
import { expect } from 'vitest'
import { fault, type View } from './driver'

fault('11: a page of HTML is a SyntaxError', /no error with a code/, async ({ Profile, server, show, pass }) => {
  server.answer(page())
  let view: View | undefined
  show(<Profile seen={(next) => (view = next)} />)
  await pass(5000)
  expect(view?.error, 'no error with a code').toMatchObject({ code: 'invalid_response', status: 200, retryable: false })
  // Asking again would bring the same page.
  expect(server.requests.length).toBe(1)
})
