import type { Me } from 'clerk-sync'

/** A request as the fake server saw it. */
export interface SeenRequest {
  /** Since the server was made, in milliseconds. */
  atMs: number
  authorization: string | null
  prefer: string | null
  signal: AbortSignal | undefined
}

/** Answers a request; undefined: never. */
export type Answer = (request: SeenRequest) => Response | undefined | Promise<Response | undefined>

export interface FakeServer {
  fetch: typeof globalThis.fetch
  requests: SeenRequest[]
  /** What is answered from now on: one after the other, the last one for ever. */
  answer(...answers: Answer[]): void
}

/** A server that answers what it is told to, in order. Pass its `fetch` to `createUserSync`. */
export function fakeServer(...answers: Answer[]): FakeServer {
  const begun = Date.now()
  let queue = answers
  const requests: SeenRequest[] = []
  return {
    requests,
    answer(...next) {
      queue = next
    },
    async fetch(_input, init) {
      const headers = new Headers(init?.headers)
      const signal = init?.signal ?? undefined
      const request: SeenRequest = {
        atMs: Date.now() - begun,
        authorization: headers.get('authorization'),
        prefer: headers.get('prefer'),
        signal,
      }
      requests.push(request)
      const next = queue.length > 1 ? queue.shift() : queue[0]
      const aborted = new Promise<never>((_, reject) => {
        if (signal?.aborted) reject(signal.reason)
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
      const answered = (async () => (await next?.(request)) ?? new Promise<never>(() => {}))()
      return Promise.race([aborted, answered])
    },
  }
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })

const EMPTY: Omit<Me, 'id'> = {
  email: null,
  email_verified: false,
  username: null,
  first_name: null,
  last_name: null,
  image_url: null,
  phone: null,
  role: null,
  external_id: null,
  public_metadata: {},
  locked: false,
  created_at: null,
  updated_at: null,
  last_sign_in_at: null,
}

/** The record is there. */
export const found =
  (me: Pick<Me, 'id'> & Partial<Me>): Answer =>
  () =>
    json(200, { success: true, message: 'User details fetched successfully', data: { ...EMPTY, ...me } })

/** A refusal, as our server words it. */
export const problem =
  (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  () =>
    json(status, { type: 'about:blank', title: code, status, code, help: '' }, { 'content-type': 'application/problem+json', ...headers })

/** Not there yet, answered at once. */
export const notSynced = (headers: Record<string, string> = {}): Answer => problem(404, 'user_not_synced', headers)

/** Not there yet, after holding the request as long as it asked for. */
export const heldInVain = (): Answer => async (request) => {
  const seconds = Number(/wait=(\d+)/.exec(request.prefer ?? '')?.[1] ?? 0)
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  return problem(404, 'user_not_synced', { 'preference-applied': `wait=${seconds}`, 'retry-after': '1' })(request)
}

/** An answer that is not JSON. */
export const page =
  (status = 200): Answer =>
  () =>
    new Response('<!doctype html><title>App</title>', { status, headers: { 'content-type': 'text/html' } })

/** Never answers. */
export const silence: Answer = () => undefined

/** There is no connection. */
export const broken: Answer = () => Promise.reject(new TypeError('Failed to fetch'))
