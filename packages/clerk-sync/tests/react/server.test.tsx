// @vitest-environment node
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createUserSync } from 'clerk-sync'
import { UserSyncBoundary, UserSyncProvider, useSuspenseUserProfile, useUserSyncStatus } from 'clerk-sync/react'
import { authLoading, fakeServer, signedIn } from 'clerk-sync/testing'
import { type ReactNode, Suspense } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test, vi } from 'vitest'

function page(children: ReactNode, auth = signedIn('user_ada')) {
  const server = fakeServer()
  const sync = createUserSync({ endpoint: '/me', fetch: server.fetch })
  const tree = (
    <QueryClientProvider client={new QueryClient()}>
      <UserSyncProvider sync={sync} useAuth={() => auth}>
        {children}
      </UserSyncProvider>
    </QueryClientProvider>
  )
  return { server, tree }
}

test('on a server the wait is shown and nothing is asked', () => {
  const { server, tree } = page(<UserSyncBoundary>welcome</UserSyncBoundary>)
  expect(renderToString(tree)).toBe(
    '<div data-clerk-sync="boundary" data-phase="syncing"><div data-clerk-sync="loading" role="status"></div></div>',
  )
  expect(server.requests).toEqual([])
})

test('and nothing while Clerk does not know', () => {
  const Phase = () => <>{useUserSyncStatus().phase}</>
  expect(renderToString(page(<Phase />, authLoading()).tree)).toBe('auth-loading')
  expect(renderToString(page(<UserSyncBoundary>welcome</UserSyncBoundary>, authLoading()).tree)).toBe('')
})

test('a suspended profile leaves its fallback to the browser', async () => {
  const Profile = () => <>{useSuspenseUserProfile().id}</>
  const { server, tree } = page(
    <Suspense fallback="waiting">
      <Profile />
    </Suspense>,
  )
  // The mark of a boundary the browser is to render.
  expect(renderToString(tree)).toMatch(/^<!--\$!-->[^]*waiting<!--\/\$-->$/)
  await vi.advanceTimersByTimeAsync(0)
  expect(server.requests).toEqual([])
})
