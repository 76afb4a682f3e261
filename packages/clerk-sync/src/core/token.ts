/** Whom a token is about; undefined when it cannot be read. It is not verified: that is the server's business. */
export function subjectOf(token: string): string | undefined {
  try {
    const [, payload] = token.replace(/-/g, '+').replace(/_/g, '/').split('.')
    return JSON.parse(atob(payload!)).sub
  } catch {}
}
