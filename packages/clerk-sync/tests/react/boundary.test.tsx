import { act, screen } from '@testing-library/react'
import { UserSyncBoundary } from 'clerk-sync/react'
import { authLoading, found, notSynced, page, problem, signedIn, signedOut } from 'clerk-sync/testing'
import { describe, expect, test, vi } from 'vitest'
import { app, pass } from './setup'

const body = () => globalThis.document.body.textContent

describe('UserSyncBoundary', () => {
  test('shows nothing, then the wait, then the app', async () => {
    const { server, show } = app()
    server.answer(notSynced(), notSynced(), found({ id: 'user_ada', username: 'Ada' }))
    const boundary = <UserSyncBoundary signedOut="sign in">{(me) => `hello ${me.username}`}</UserSyncBoundary>
    show(boundary, authLoading())
    expect(body()).toBe('')
    show(boundary, signedOut())
    expect(body()).toBe('sign in')
    show(boundary, signedIn('user_ada'))
    expect(screen.getByRole('status').textContent).toBe('')
    await pass(399)
    expect(screen.getByRole('status').textContent).toBe('')
    await pass(1)
    expect(screen.getByRole('status').textContent).toBe('Setting up your account…')
    await pass(2700)
    expect(body()).toBe('hello Ada')
  })

  test('a session with tasks to finish has its own place', async () => {
    const { server, show } = app()
    server.answer(problem(403, 'session_pending'))
    show(<UserSyncBoundary pending="finish your tasks">app</UserSyncBoundary>)
    await pass(0)
    expect(body()).toBe('finish your tasks')
  })

  test('after the last retry: alert, focus on Retry, reference, sign-out; Retry starts a whole wait', async () => {
    const { server, show } = app({ keepTrying: false })
    const onSignOut = vi.fn()
    server.answer(notSynced({ 'x-request-id': 'req-7' }))
    show(<UserSyncBoundary onSignOut={onSignOut}>welcome</UserSyncBoundary>)
    await pass(31_100)
    expect(screen.getByRole('alert').textContent).toBe('Your account could not be set up.Reference: req-7')
    const retry = screen.getByRole('button', { name: 'Try again' })
    expect(globalThis.document.activeElement).toBe(retry)
    act(() => screen.getByRole('button', { name: 'Sign out' }).click())
    expect(onSignOut).toHaveBeenCalledTimes(1)

    await pass(600_000)
    expect(server.requests.length).toBe(6)
    act(() => retry.click())
    expect(screen.queryByRole('alert')).toBeNull()
    server.answer(notSynced(), found({ id: 'user_ada' }))
    await pass(2000)
    expect(body()).toBe('welcome')
  })

  test('the page heals by itself, staying "delayed" meanwhile', async () => {
    const { server, show } = app()
    server.answer(notSynced())
    const phases: string[] = []
    show(
      <UserSyncBoundary
        fallback={({ phase }) => {
          phases.push(phase)
          return phase
        }}
      >
        welcome
      </UserSyncBoundary>,
    )
    await pass(31_100)
    expect(body()).toBe('delayed')
    phases.length = 0
    await pass(60_000)
    expect(server.requests.length).toBe(8)
    expect(new Set(phases)).toEqual(new Set())
    server.answer(found({ id: 'user_ada' }))
    await pass(22_600)
    expect(body()).toBe('welcome')
  })

  test('what is found while healing and cannot be helped is shown', async () => {
    const { server, show } = app()
    server.answer(notSynced())
    show(<UserSyncBoundary onSignOut={() => {}}>welcome</UserSyncBoundary>)
    await pass(31_100)
    server.answer(problem(401, 'user_deleted'))
    await pass(22_600)
    expect(screen.getByRole('alert').textContent).toContain('This account was deleted.')
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull()
    expect(globalThis.document.activeElement).toBe(screen.getByRole('button', { name: 'Sign out' }))
    const { length } = server.requests
    await pass(600_000)
    expect(server.requests.length).toBe(length)
  })

  test('a record that is there and then deleted: sign out is offered and has the focus, trying again is not', async () => {
    const { server, client, show } = app()
    server.answer(found({ id: 'user_ada' }), problem(401, 'user_deleted'))
    const onSignOut = vi.fn()
    show(<UserSyncBoundary onSignOut={onSignOut}>welcome</UserSyncBoundary>)
    await pass(0)
    expect(body()).toBe('welcome')
    void client.refetchQueries({})
    await pass(0)
    expect(screen.getAllByRole('button').map((button) => button.textContent)).toEqual(['Sign out'])
    expect(globalThis.document.activeElement).toBe(screen.getByRole('button', { name: 'Sign out' }))
  })

  test('an error that asking cannot help is said at once', async () => {
    const { server, show } = app()
    server.answer(page())
    show(<UserSyncBoundary fallback={({ phase, error }) => `${phase} ${error?.code}`}>welcome</UserSyncBoundary>)
    await pass(0)
    expect(body()).toBe('error invalid_response')
  })
})
