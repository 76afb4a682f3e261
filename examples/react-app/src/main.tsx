import { ClerkProvider, useAuth } from '@clerk/react'
import { Clerk } from '@clerk/clerk-js'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { UserSyncProvider } from 'clerk-sync/react'
import 'clerk-sync/styles.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { useLocation } from 'wouter'
import { App } from './App'
import { userSync } from './sync'
import './app.css'

const { VITE_CLERK_PUBLISHABLE_KEY, VITE_CLERK_PROXY_URL } = import.meta.env
const queryClient = new QueryClient()

function Providers() {
  const [, navigate] = useLocation()
  return (
    <ClerkProvider
      publishableKey={VITE_CLERK_PUBLISHABLE_KEY}
      {...(VITE_CLERK_PROXY_URL && { proxyUrl: VITE_CLERK_PROXY_URL })}
      // From npm and in our own bundle: nothing is loaded from elsewhere.
      Clerk={Clerk}
      prefetchUI={false}
      telemetry={false}
      signUpUrl="/sign-up"
      signInUrl="/sign-in"
      routerPush={(to) => navigate(to)}
      routerReplace={(to) => navigate(to, { replace: true })}
    >
      <QueryClientProvider client={queryClient}>
        <UserSyncProvider sync={userSync} useAuth={useAuth}>
          <App />
        </UserSyncProvider>
      </QueryClientProvider>
    </ClerkProvider>
  )
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Providers />
  </StrictMode>,
)
