import { bounded, TIMED_OUT } from './bounded'
import type { UserSyncErrorCode } from './errors'
import { judge, type Refusal } from './judge'
import { subjectOf } from './token'
import type { GetToken, UserSyncOptions, WaitOptions } from './types'

/** What one request found: the user, or why not. */
export type Outcome<T> = { user: T } | Refusal

/** What holds for every request of a wait. */
export type Settings<T> = Omit<UserSyncOptions<T>, keyof WaitOptions> & WaitOptions

/** Asks once: a token, then the server. Rejects only when `signal` is aborted, with its reason. */
export async function attempt<T>(settings: Settings<T>, tokenOptions: Parameters<GetToken>[0]): Promise<Outcome<T>> {
  const { userId, signal, waitSeconds = 5, tokenTimeoutMs = 5000, requestTimeoutMs = 8000 } = settings
  let code: UserSyncErrorCode = 'auth_failed'
  let cause: any
  try {
    const token = await bounded(async () => settings.getToken(tokenOptions), tokenTimeoutMs, signal)
    code = 'signed_out'
    // Null between two sessions, somebody else's just after a switch: neither is sent.
    if (token && (!userId || (subjectOf(token) ?? userId) === userId)) {
      code = 'network'
      return await bounded(
        async (signal) => {
          const begun = Date.now()
          const response = await (settings.fetch ?? fetch)(settings.endpoint, {
            headers: {
              accept: 'application/json',
              authorization: `Bearer ${token}`,
              ...(waitSeconds && { prefer: `wait=${waitSeconds}` }),
            },
            signal,
            cache: 'no-store',
            credentials: settings.credentials,
          } as RequestInit)
          const text = await response.text()
          let body: any
          let fault: unknown
          try {
            body = JSON.parse(text)
            if (response.ok && response.status !== 202) return { user: await read(settings.parse, body, userId) }
          } catch (reason) {
            fault = reason
          }
          return {
            ...judge(response, body, settings.strict404, fault),
            // A server that says it held but answered at once would be asked without a pause: that is not held.
            held: waitSeconds > 0 && Date.now() - begun >= waitSeconds * 500 && response.headers.has('preference-applied'),
          }
        },
        requestTimeoutMs + waitSeconds * 1000,
        signal,
        'pagehide',
      )
    }
  } catch (reason) {
    signal?.throwIfAborted()
    cause = reason
    if (cause?.code === 'clerk_offline') code = 'offline'
    if (cause === TIMED_OUT && code === 'network') code = cause
  }
  // On a server Clerk has no token, and never will.
  return { code, cause, retry: cause?.code === 'clerk_runtime_not_browser' ? undefined : 'other' }
}

/** The user in a body: of our server's envelope `{success, message, data}`, or the body itself. */
async function read<T>(parse: UserSyncOptions<T>['parse'], body: any, userId: string | null | undefined): Promise<T> {
  const user = body?.success ? body.data : body
  const id = user?.id
  if (userId && /^user_/.test(id) && id !== userId) throw new Error('about somebody else')
  if (!parse) {
    if (!id) throw new Error('no id')
    return user
  }
  // Some schemas are functions as well, and those do not throw.
  if (!('~standard' in parse)) return parse(user)
  const result = await parse['~standard'].validate(user)
  if (result.issues) throw new Error(result.issues.map((issue) => issue.message).join())
  return result.value
}
