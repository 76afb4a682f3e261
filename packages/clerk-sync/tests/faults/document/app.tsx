/** What the document's hooks import from their app: an API client that sends Clerk's token and throws on refusals. */
import type { Auth } from 'clerk-sync'
import { createContext, useContext } from 'react'

export const App = createContext<{ auth: Auth; fetch: typeof fetch } | null>(null)

const useApp = () => {
  const app = useContext(App)
  if (!app) throw new Error('put <App.Provider> around it')
  return app
}

export const useAuth = () => useApp().auth

export function useApi() {
  const { auth, fetch } = useApp()
  return {
    async getMe() {
      const token = await auth.getToken()
      const response = await fetch('/me', { headers: { authorization: `Bearer ${token}` } })
      if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { response })
      return (await response.json()).data
    },
  }
}
