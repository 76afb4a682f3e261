// Compiled, never run: both generations of Clerk's React SDK, and the Vue one, fit as they are.
import { useAuth as useAuthOf5 } from '@clerk/clerk-react'
import { useAuth as useAuthOf6 } from '@clerk/react'
import { useAuth as useAuthOfVue } from '@clerk/vue'
import { createUserSync } from 'clerk-sync'
import { UserSyncProvider } from 'clerk-sync/react'
import { useUserProfile } from 'clerk-sync/vue'

const sync = createUserSync({ endpoint: '/api/me' })

export const of5 = <UserSyncProvider sync={sync} useAuth={useAuthOf5} />
export const of6 = <UserSyncProvider sync={sync} useAuth={useAuthOf6} />
export const ofVue = () => useUserProfile(sync, useAuthOfVue()).user.value?.email

// @ts-expect-error a hook that does not give tokens does not fit
export const wrong = <UserSyncProvider sync={sync} useAuth={() => ({ isLoaded: true, isSignedIn: true, userId: 'a' })} />
