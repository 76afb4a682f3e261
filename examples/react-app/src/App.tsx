import { Show, useClerk } from '@clerk/react'
import { UserSyncBoundary } from 'clerk-sync/react'
import { Link, Redirect, Route, Switch } from 'wouter'
import { Notes } from './Notes'
import { Profile } from './Profile'
import { SignIn } from './SignIn'
import { SignUp } from './SignUp'

/**
 * Everything behind the gate may rely on the user's record. The gate is around the app and not on the sign-up page: so it holds
 * for those as well who come by a link, with an old session, or by another way to sign up.
 */
export function App() {
  const clerk = useClerk()
  const signOut = () => void clerk.signOut({ redirectUrl: '/sign-in' })
  return (
    <Switch>
      <Route path="/sign-up">
        <Show when="signed-out" fallback={<Redirect to="/welcome" />}>
          <SignUp />
        </Show>
      </Route>
      <Route path="/sign-in">
        <Show when="signed-out" fallback={<Redirect to="/" />}>
          <SignIn />
        </Show>
      </Route>
      <Route>
        <h1>Notes</h1>
        <UserSyncBoundary signedOut={<SignedOut />} onSignOut={signOut}>
          <Route path="/welcome">
            <p>Welcome! Everything is set up.</p>
          </Route>
          <Profile onSignOut={signOut} />
          <Notes />
        </UserSyncBoundary>
      </Route>
    </Switch>
  )
}

function SignedOut() {
  return (
    <p>
      <Link href="/sign-up">Sign up</Link> or <Link href="/sign-in">sign in</Link>.
    </p>
  )
}
