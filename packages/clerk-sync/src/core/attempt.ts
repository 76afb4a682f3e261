import { bounded, TIMED_OUT } from './bounded'
import type { UserSyncErrorCode } from './errors'
import { judge, type Refusal, requestIdOf } from './judge'
import { subjectOf } from './token'
import type { UserSyncOptions, WaitOptions } from './types'

/** One request. */
export interface Ask extends Pick<WaitOptions, 'getToken' | 'userId' | 'signal'> {
  waitSeconds: number
  /** Whether Clerk is to make a new token. */
  freshToken: boolean
}

/** What one request found: the user, or why not. */
export type Outcome<T> = { user: T } | Refusal

/** Asks once: a token, then the server. Rejects only when `signal` is aborted, with its reason. */
export async function attempt<T>(options: UserSyncOptions<T>, ask: Ask): Promise<Outcome<T>> {
  const { userId, signal, waitSeconds } = ask
  let code: UserSyncErrorCode = 'auth_failed'
  try {
    const getToken = async () => ask.getToken(ask.freshToken ? { skipCache: true } : undefined)
    const token = await bounded(getToken, options.tokenTimeoutMs ?? 5000, signal)
    // Null between two sessions, somebody else's just after a switch: neither is sent.
    if (!token || (userId && (subjectOf(token) ?? userId) !== userId)) {
      return { failure: { code: 'signed_out' }, retry: 'other' }
    }
    code = 'network'
    const ms = (options.requestTimeoutMs ?? 8000) + waitSeconds * 1000
    return await bounded((inner) => request(options, ask, token, inner), ms, signal, 'pagehide')
  } catch (cause) {
    signal?.throwIfAborted()
    const clerk = (cause as { code?: string } | undefined)?.code
    if (clerk === 'clerk_offline') code = 'offline'
    else if (cause === TIMED_OUT && code === 'network') code = 'timeout'
    // On a server Clerk has no token, and never will.
    return { failure: { code }, retry: clerk === 'clerk_runtime_not_browser' ? undefined : 'other', cause }
  }
}

async function request<T>(
  { endpoint, credentials, strict404, parse, ...options }: UserSyncOptions<T>,
  { waitSeconds, userId }: Ask,
  token: string,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const begun = Date.now()
  const response = await (options.fetch ?? fetch)(endpoint, {
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      ...(waitSeconds && { prefer: `wait=${waitSeconds}` }),
    },
    signal,
    cache: 'no-store',
    ...(credentials && { credentials }),
  })
  const { status, headers } = response
  const text = await response.text()
  if (!response.ok || status === 202) {
    const applied = Number(/wait=(\d+)/.exec(headers.get('preference-applied') ?? '')?.[1])
    // A server that says it held but answered at once would be asked without a pause: that is not held.
    const held = applied > 0 && Date.now() - begun >= applied * 500
    return { ...judge(response, text, strict404), held }
  }
  try {
    return { user: await read(parse, JSON.parse(text), userId) }
  } catch (cause) {
    return { failure: { code: 'invalid_response', status, requestId: requestIdOf(headers) }, cause }
  }
}

/** The user in a body: of our server's envelope `{success, message, data}`, or the body itself. */
async function read<T>(parse: UserSyncOptions<T>['parse'], body: any, userId: string | null | undefined): Promise<T> {
  const user = body?.success === true ? body.data : body
  const id: unknown = user?.id
  if (userId && /^user_/.test(String(id)) && id !== userId) throw new Error('about somebody else')
  if (!parse) {
    if (!id) throw new Error('no id')
    return user
  }
  if (typeof parse === 'function') return parse(user)
  const result = await parse['~standard'].validate(user)
  if (result.issues) throw new Error(result.issues.map((issue) => issue.message).join())
  return result.value
}
