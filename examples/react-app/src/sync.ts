import { createUserSync } from 'clerk-sync'

export const userSync = createUserSync({ endpoint: '/api/me' })

declare module 'clerk-sync' {
  interface Register {
    sync: typeof userSync
  }
}
