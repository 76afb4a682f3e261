import { bounded, TIMED_OUT } from './bounded'
import type { Failure } from './errors'
import { judge } from './judge'
import { isOffline } from './page'
import type { Hint } from './schedule'
import { subjectOf } from './token'
import type { GetToken, UserSyncOptions } from './types'

/** What one request found: the user, or why not and whether asking again may help. */
export type Outcome<T> = { user: T } | (Failure & Hint)

/** One request. */
export interface Ask {
  getToken: GetToken
  userId: string | null | undefined
  waitSeconds: number
  /** Whether Clerk is to make a new token. */
  freshToken: boolean
  signal: AbortSignal
}

/** Asks once: a token, then the server. Rejects only when `signal` is aborted, with its reason. */
export async function attempt<T>(options: UserSyncOptions<T>, ask: Ask): Promise<Outcome<T>> {
  const { userId, signal } = ask
  let token: string | null
  try {
    const wanted = ask.freshToken ? { skipCache: true } : undefined
    token = await bounded(async () => ask.getToken(wanted), options.tokenTimeoutMs ?? 5000, signal)
  } catch (cause) {
    signal.throwIfAborted()
    const code = (cause as { code?: string } | undefined)?.code
    return code === 'clerk_runtime_not_browser'
      ? { code: 'auth_failed', cause }
      : { code: code === 'clerk_offline' ? 'offline' : 'auth_failed', retry: 'other', cause }
  }
  // Null between two sessions, somebody else's just after a switch: neither is sent.
  const subject = token && subjectOf(token)
  if (!token || (userId && subject && subject !== userId)) return { code: 'signed_out', retry: 'other' }
  try {
    const ms = (options.requestTimeoutMs ?? 8000) + ask.waitSeconds * 1000
    return await bounded((inner) => request(options, ask, token, inner), ms, signal)
  } catch (cause) {
    signal.throwIfAborted()
    return { code: cause === TIMED_OUT ? 'timeout' : isOffline() ? 'offline' : 'network', retry: 'other', cause }
  }
}

async function request<T>(options: UserSyncOptions<T>, ask: Ask, token: string, signal: AbortSignal): Promise<Outcome<T>> {
  const { waitSeconds } = ask
  const begun = Date.now()
  const headers: Record<string, string> = { accept: 'application/json', authorization: `Bearer ${token}` }
  if (waitSeconds) headers.prefer = `wait=${waitSeconds}`
  const response = await (options.fetch ?? fetch)(options.endpoint, {
    headers,
    signal,
    cache: 'no-store',
    credentials: options.credentials ?? 'same-origin',
  })
  const text = await response.text()
  let body: unknown
  let noJson: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    noJson = error
  }
  if (!response.ok || response.status === 202) {
    const applied = Number(/wait=(\d+)/.exec(response.headers.get('preference-applied') ?? '')?.[1])
    // A server that says it held but answered at once would be asked without a pause: that is not held.
    const held = applied > 0 && Date.now() - begun >= applied * 500
    return { ...judge(response, body, options.strict404), held }
  }
  try {
    if (noJson) throw noJson
    return { user: await read(options, body, ask.userId) }
  } catch (cause) {
    const requestId = response.headers.get('x-request-id') ?? undefined
    return { code: 'invalid_response', status: response.status, requestId, cause }
  }
}

/** The user in a body: of our server's envelope `{success, message, data}`, or the body itself. */
async function read<T>({ parse }: UserSyncOptions<T>, body: unknown, userId: string | null | undefined): Promise<T> {
  const { success, data } = (body ?? {}) as { success?: unknown; data?: unknown }
  const user = success === true ? data : body
  const id = (user as { id?: unknown } | null | undefined)?.id
  if (userId && typeof id === 'string' && id.startsWith('user_') && id !== userId) {
    throw new Error('the answer is about somebody else')
  }
  if (!parse) {
    if (typeof id !== 'string') throw new Error('the answer has no id')
    return user as T
  }
  if (typeof parse === 'function') return parse(user)
  const result = await parse['~standard'].validate(user)
  if (result.issues) throw new Error(result.issues.map((issue) => issue.message).join('; '))
  return result.value
}
