import type { Auth } from 'clerk-sync'

/** Clerk before it knows. */
export const authLoading = (): Auth => ({
  isLoaded: false,
  isSignedIn: undefined,
  userId: undefined,
  getToken: async () => null,
})

export const signedOut = (): Auth => ({ isLoaded: true, isSignedIn: false, userId: null, getToken: async () => null })

/** A signed-in user with a token that names them, unsigned. */
export const signedIn = (userId: string, overrides: Partial<Auth> = {}): Auth => ({
  isLoaded: true,
  isSignedIn: true,
  userId,
  getToken: async () => unsignedToken(userId),
  ...overrides,
})

/** A token as the browser reads it: no server takes it. */
export const unsignedToken = (userId: string): string =>
  ['{"alg":"none"}', JSON.stringify({ sub: userId })].map((part) => btoa(part).replace(/=+$/, '')).join('.') + '.'
