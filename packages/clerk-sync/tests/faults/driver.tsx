import { focusManager, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, render } from '@testing-library/react'
import { type Auth, createUserSync, type Me } from 'clerk-sync'
import { UserSyncBoundary, UserSyncProvider, useUserProfile, useWaitForUser } from 'clerk-sync/react'
import { type FakeServer, fakeServer, signedIn } from 'clerk-sync/testing'
import { type ReactNode, StrictMode, useEffect } from 'react'
import { describe, expect, test, vi } from 'vitest'
import { App } from './document/app'
import * as document from './document/hooks'

/** What a component can see of the profile, whichever hooks it uses. */
export interface View {
  user: Me | undefined
  loading: boolean
  error: Error | null
}

/** One version of the hooks, as an app would use them. */
interface Version {
  Root(props: { auth: Auth; fetch: typeof fetch; children: ReactNode }): ReactNode
  /** Shows the profile. */
  Profile(props: { seen(view: View): void }): ReactNode
  /** Waits for the user from the moment it is mounted. */
  Poller(props: { onSuccess?: () => void }): ReactNode
  /** Shows its children once the profile is there. */
  Gate(props: { children: ReactNode }): ReactNode
}

const ours: Version = {
  Root: ({ auth, fetch, children }) => {
    // One for each server, as an app has one for its.
    const sync = syncOf(fetch)
    return (
      <UserSyncProvider sync={sync} useAuth={() => auth}>
        {children}
      </UserSyncProvider>
    )
  },
  Profile: ({ seen }) => {
    const { data, isPending, error } = useUserProfile()
    seen({ user: data, loading: isPending, error })
    return null
  },
  Poller: ({ onSuccess }) => {
    const { start } = useWaitForUser({ maxAttempts: 10, intervalMs: 1000, ...(onSuccess && { onSuccess }) })
    useEffect(() => void start().catch(() => {}), [start])
    return null
  },
  Gate: ({ children }) => <UserSyncBoundary>{children}</UserSyncBoundary>,
}

const syncs = new WeakMap<typeof fetch, ReturnType<typeof createUserSync<Me>>>()
function syncOf(fetch: typeof globalThis.fetch) {
  const sync = syncs.get(fetch) ?? createUserSync({ endpoint: '/me', fetch, random: () => 0.5 })
  syncs.set(fetch, sync)
  return sync
}

const theDocuments: Version = {
  Root: ({ auth, fetch, children }) => <App.Provider value={{ auth, fetch }}>{children}</App.Provider>,
  Profile: ({ seen }) => {
    const { data, isPending, error } = document.useUserProfile()
    seen({ user: data, loading: isPending, error })
    return null
  },
  Poller: ({ onSuccess }) => {
    const { startPolling } = document.useWaitForUser(onSuccess && { onSuccess })
    useEffect(() => void startPolling(), [])
    return null
  },
  Gate: document.UserSyncLoading,
}

/** What a check of a fault works with. */
export interface Stage extends Omit<Version, 'Root'> {
  server: FakeServer
  /** Shows components to the account, who may be another one later; answers how to take them away. */
  show(children: ReactNode, auth?: Auth, options?: { strict?: boolean }): () => void
  pass(ms: number): Promise<void>
  /** The tab is left and come back to, as TanStack Query is told. */
  focus(focused: boolean): Promise<void>
}

function stage(version: Version): Stage {
  const client = new QueryClient()
  const server = fakeServer()
  let shown: ReturnType<typeof render> | undefined
  return {
    ...version,
    server,
    show(children, auth = signedIn('user_ada'), { strict } = {}) {
      const root = (
        <QueryClientProvider client={client}>
          <version.Root auth={auth} fetch={server.fetch}>
            {children}
          </version.Root>
        </QueryClientProvider>
      )
      const tree = strict ? <StrictMode>{root}</StrictMode> : root
      if (shown) shown.rerender(tree)
      else shown = render(tree)
      return shown.unmount
    },
    pass: (ms) => act(async () => void (await vi.advanceTimersByTimeAsync(ms))),
    focus: (focused) => act(async () => focusManager.setFocused(focused)),
  }
}

/**
 * A fault of the document's hooks: `check` holds for ours and not for the document's, where an assertion has to fail, with
 * a message `because` matches; anything else that goes wrong there would prove nothing.
 */
export function fault(name: string, because: RegExp, check: (stage: Stage) => Promise<void>): void {
  describe(`fault ${name}`, () => {
    test('passes on ours', () => check(stage(ours)))
    test("fails on the document's", async () => {
      const failure: Error = await check(stage(theDocuments)).then(
        () => expect.fail("the document's version passes"),
        (error) => error,
      )
      expect(failure).toMatchObject({ name: 'AssertionError', message: expect.stringMatching(because) })
    })
  })
}
