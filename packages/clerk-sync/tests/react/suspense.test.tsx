import { act, screen } from '@testing-library/react'
import { useSuspenseUserProfile } from 'clerk-sync/react'
import { found, notSynced, page, signedOut } from 'clerk-sync/testing'
import { Component, type ReactNode, Suspense } from 'react'
import { expect, test, vi } from 'vitest'
import { app, pass } from './setup'

const Profile = () => <>{useSuspenseUserProfile().id}</>

class Catch extends Component<{ children: ReactNode }> {
  override state = { error: undefined as any }
  static getDerivedStateFromError = (error: unknown) => ({ error })
  override render = () => (this.state.error ? `caught ${this.state.error.code ?? this.state.error.message}` : this.props.children)
}

const tree = (
  <Catch>
    <Suspense fallback="waiting">
      <Profile />
    </Suspense>
  </Catch>
)
const body = () => globalThis.document.body.textContent

test('suspends while it waits', async () => {
  const { server, show } = app({ waitSeconds: 0 })
  server.answer(notSynced(), found({ id: 'user_ada' }))
  act(() => void show(tree))
  expect(screen.getByText('waiting')).toBeTruthy()
  await pass(1500)
  expect(body()).toContain('user_ada')
})

test('throws the error to the boundary, and for nobody', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const { server, show } = app()
  server.answer(page())
  show(tree)
  await pass(100)
  expect(body()).toContain('caught invalid_response')
  const nobody = app()
  nobody.show(tree, signedOut())
  expect(body()).toContain('caught clerk-sync: nobody is signed in')
  vi.restoreAllMocks()
})
