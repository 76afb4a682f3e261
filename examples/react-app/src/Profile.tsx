import { useUserProfile } from 'clerk-sync/react'

/** Who is signed in, by their record; behind the gate it is there. */
export function Profile({ onSignOut }: { onSignOut: () => void }) {
  const { data: me } = useUserProfile()
  if (!me) return null
  return (
    <header>
      <dl>
        <dt>E-mail</dt>
        <dd data-testid="email">{me.email ?? 'none'}</dd>
        <dt>Name</dt>
        <dd>{me.username ?? me.first_name ?? 'none'}</dd>
        <dt>Role</dt>
        <dd data-testid="role">{me.role ?? 'none'}</dd>
      </dl>
      <button type="button" onClick={onSignOut}>
        Sign out
      </button>
    </header>
  )
}
