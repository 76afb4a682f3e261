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
  const { getToken, userId, signal, waitSeconds = 5, tokenTimeoutMs = 5000, requestTimeoutMs = 8000 } = settings
  let code: UserSyncErrorCode = 'auth_failed'
  let cause: { code?: string } | string | undefined
  try {
    const token = await bounded(async () => getToken(tokenOptions), tokenTimeoutMs, signal)
    code = 'signed_out'
    // Null between two sessions, somebody else's just after a switch: neither is sent.
    if (token && (!userId || (subjectOf(token) ?? userId) === userId)) {
      code = 'network'
      const ms = requestTimeoutMs + waitSeconds * 1000
      return await bounded((inner) => request(settings, token, waitSeconds, inner), ms, signal, 'pagehide')
    }
  } catch (reason) {
    signal?.throwIfAborted()
    cause = reason as typeof cause
    if (cause?.code === 'clerk_offline') code = 'offline'
    if (cause === TIMED_OUT && code === 'network') code = TIMED_OUT
  }
  // On a server Clerk has no token, and never will.
  return { failure: { code }, retry: cause?.code === 'clerk_runtime_not_browser' ? undefined : 'other', cause }
}

async function request<T>(
  { endpoint, credentials, strict404, parse, userId, fetch: send = fetch }: Settings<T>,
  token: string,
  waitSeconds: number,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const begun = Date.now()
  const response = await send(endpoint, {
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      ...(waitSeconds && { prefer: `wait=${waitSeconds}` }),
    },
    signal,
    cache: 'no-store',
    ...(credentials && { credentials }),
  })
  const text = await response.text()
  let cause: unknown
  if (response.ok && response.status !== 202) {
    try {
      return { user: await read(parse, JSON.parse(text), userId) }
    } catch (reason) {
      cause = reason
    }
  }
  const [, seconds] = /wait=([1-9]\d*)/.exec(response.headers.get('preference-applied')!) ?? []
  // A server that says it held but answered at once would be asked without a pause: that is not held.
  const held = Date.now() - begun >= Number(seconds) * 500
  return { ...judge(response, text, strict404), held, cause }
}

/** The user in a body: of our server's envelope `{success, message, data}`, or the body itself. */
async function read<T>(parse: UserSyncOptions<T>['parse'], body: any, userId: string | null | undefined): Promise<T> {
  const user = body?.success === true ? body.data : body
  const id = user?.id
  if (userId && /^user_/.test(id) && id !== userId) throw new Error('about somebody else')
  if (!parse) {
    if (!id) throw new Error('no id')
    return user
  }
  if (typeof parse === 'function') return parse(user)
  const result = await parse['~standard'].validate(user)
  if (result.issues) throw new Error(result.issues.map((issue) => issue.message).join())
  return result.value
}
