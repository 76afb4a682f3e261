import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, render } from '@testing-library/react'
import { type Auth, createUserSync, type Me, type UserSyncOptions } from 'clerk-sync'
import { UserSyncProvider } from 'clerk-sync/react'
import { fakeServer, signedIn } from 'clerk-sync/testing'
import { type ReactNode, StrictMode } from 'react'
import { vi } from 'vitest'

/** An app with its server and account. */
export function app(options: Partial<UserSyncOptions<Me>> = {}) {
  const server = fakeServer()
  const sync = createUserSync<Me>({ endpoint: '/me', fetch: server.fetch, random: () => 0.5, ...options })
  const client = new QueryClient()
  let auth = signedIn('user_ada')
  const useAuth = () => auth
  let shown: ReturnType<typeof render> | undefined

  function show(children: ReactNode, as: Auth = auth) {
    auth = as
    const tree = (
      <StrictMode>
        <QueryClientProvider client={client}>
          <UserSyncProvider sync={sync} useAuth={useAuth}>
            {children}
          </UserSyncProvider>
        </QueryClientProvider>
      </StrictMode>
    )
    if (shown) shown.rerender(tree)
    else shown = render(tree)
    return shown
  }
  return { server, sync, client, show, useAuth }
}

export const pass = (ms: number) => act(async () => void (await vi.advanceTimersByTimeAsync(ms)))
