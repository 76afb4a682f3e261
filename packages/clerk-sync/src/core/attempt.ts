import { bounded, TIMED_OUT } from './bounded'
import { type Failure, judge } from './judge'
import { subjectOf } from './token'
import type { GetToken, UserSyncOptions } from './types'

/** What one request found: the user, or why not. */
export type Outcome<T> = { user: T } | Failure

/** One request. */
export interface Ask {
  getToken: GetToken
  userId: string | null | undefined
  waitSeconds: number
  /** Whether Clerk is to make a new token. */
  freshToken: boolean
  signal: AbortSignal | undefined
}

/** Asks once: a token, then the server. Rejects only when `signal` is aborted, with its reason. */
export async function attempt<T>(options: UserSyncOptions<T>, ask: Ask): Promise<Outcome<T>> {
  const { getToken, userId, waitSeconds, signal, freshToken } = ask
  let code: Failure['code'] = 'auth_failed'
  try {
    const wanted = freshToken ? { skipCache: true } : undefined
    const token = await bounded(async () => getToken(wanted), options.tokenTimeoutMs ?? 5000, signal)
    // Null between two sessions, somebody else's just after a switch: neither is sent.
    const subject = token && subjectOf(token)
    if (!token || (userId && subject && subject !== userId)) return { code: 'signed_out', retry: 'other' }
    code = 'network'
    const ms = (options.requestTimeoutMs ?? 8000) + waitSeconds * 1000
    return await bounded((inner) => request(options, ask, token, inner), ms, signal, 'pagehide')
  } catch (cause) {
    signal?.throwIfAborted()
    const clerk = (cause as { code?: string } | undefined)?.code
    if (clerk === 'clerk_offline') code = 'offline'
    if (cause === TIMED_OUT && code === 'network') code = 'timeout'
    // On a server Clerk has no token, and never will.
    return { code, retry: clerk === 'clerk_runtime_not_browser' ? undefined : 'other', cause }
  }
}

async function request<T>(options: UserSyncOptions<T>, ask: Ask, token: string, signal: AbortSignal): Promise<Outcome<T>> {
  const { waitSeconds, userId } = ask
  const begun = Date.now()
  const response = await (options.fetch ?? fetch)(options.endpoint, {
    headers: {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      ...(waitSeconds && { prefer: `wait=${waitSeconds}` }),
    },
    signal,
    cache: 'no-store',
    credentials: options.credentials ?? 'same-origin',
  })
  const { status, headers } = response
  const requestId = headers.get('x-request-id') ?? undefined
  const text = await response.text()
  if (!response.ok || status === 202) {
    const applied = Number(/wait=(\d+)/.exec(headers.get('preference-applied') ?? '')?.[1])
    // A server that says it held but answered at once would be asked without a pause: that is not held.
    const held = applied > 0 && Date.now() - begun >= applied * 500
    return { ...judge(response, text, options.strict404), requestId, held }
  }
  try {
    return { user: await read(options, JSON.parse(text), userId) }
  } catch (cause) {
    return { code: 'invalid_response', status, requestId, cause }
  }
}

/** The user in a body: of our server's envelope `{success, message, data}`, or the body itself. */
async function read<T>({ parse }: UserSyncOptions<T>, body: any, userId: string | null | undefined): Promise<T> {
  const user = body?.success === true ? body.data : body
  const id: unknown = user?.id
  if (userId && /^user_/.test(String(id)) && id !== userId) throw new Error('about somebody else')
  if (!parse && !id) throw new Error('no id')
  if (!parse) return user
  if (typeof parse === 'function') return parse(user)
  const result = await parse['~standard'].validate(user)
  if (result.issues) throw new Error(result.issues.map((issue) => issue.message).join())
  return result.value
}
