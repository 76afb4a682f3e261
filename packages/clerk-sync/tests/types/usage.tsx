// Compiled, never run: what is packed, as an app would use it.
import { useQuery, useSuspenseQuery, type QueryClient } from '@tanstack/react-query'
import { createUserSync, keepTrying, type Me, UserSyncError } from 'clerk-sync'
import { userQueryOptions } from 'clerk-sync/query'
import {
  UserSyncBoundary,
  UserSyncProvider,
  useSuspenseUserProfile,
  useUserProfile,
  useUserSyncStatus,
  useWaitForUser,
} from 'clerk-sync/react'
import { fakeServer, found, signedIn } from 'clerk-sync/testing'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_ extends true>() => {}

interface Account {
  plan: 'free' | 'paid'
}
const userSync = createUserSync({
  endpoint: new URL('https://api.example.com/me'),
  parse: (data): Account => data as Account,
})

declare module 'clerk-sync' {
  interface Register {
    sync: typeof userSync
  }
}

export function Hooks(): React.ReactNode {
  const { data, error } = useUserProfile()
  holds<Equal<typeof data, Account | undefined>>()
  holds<Equal<typeof error, UserSyncError | null>>()
  holds<Equal<ReturnType<typeof useSuspenseUserProfile>, Account>>()
  const { user, phase } = useUserSyncStatus()
  holds<Equal<typeof user, Account | undefined>>()
  // @ts-expect-error not a phase
  if (phase === 'loading') return null
  const wait = useWaitForUser({ maxAttempts: 3, onSuccess: (account) => account.plan })
  holds<Equal<typeof wait.start, () => Promise<Account>>>()
  return <UserSyncBoundary>{(account) => account.plan}</UserSyncBoundary>
}

export function Queries({ client }: { client: QueryClient }): null {
  const options = userQueryOptions(userSync, { userId: 'user_ada', getToken: async () => null })
  const { data } = useQuery(options)
  holds<Equal<typeof data, Account | undefined>>()
  holds<Equal<ReturnType<typeof useSuspenseQuery<Account>>['data'], Account>>()
  useSuspenseQuery(options).data.plan satisfies 'free' | 'paid'
  client.getQueryData(options.queryKey) satisfies Account | undefined
  client.fetchQuery(options) satisfies Promise<Account>
  return null
}

export async function withoutFramework(): Promise<void> {
  const plain = createUserSync({ endpoint: '/me', fetch: fakeServer(found({ id: 'user_ada' })).fetch })
  try {
    const me = await plain.waitForUser(signedIn('user_ada'))
    holds<Equal<typeof me, Me>>()
    // @ts-expect-error what the server's description does not have
    me.plan
  } catch (error) {
    if (UserSyncError.is(error, 'not_synced')) await keepTrying(plain, { error, getToken: async () => null })
    // @ts-expect-error not a code
    UserSyncError.is(error, 'nonsense')
  }
  const schema = { '~standard': { validate: (value: unknown) => ({ value: value as { mail: string } }) } }
  createUserSync({ endpoint: '/me', parse: schema }).waitForUser(signedIn('user_ada')) satisfies Promise<{ mail: string }>
  // @ts-expect-error there has to be an endpoint
  createUserSync({})
}

export const app = (
  <UserSyncProvider sync={userSync} useAuth={() => signedIn('user_ada')}>
    <Hooks />
  </UserSyncProvider>
)
