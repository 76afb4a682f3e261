import type { components, paths } from './openapi'

/** The user as our server answers it; times in milliseconds since the Unix epoch. */
export type Me = components['schemas']['Me']

type Refusals = Omit<paths['/me']['get']['responses'], 200>

/** The codes our server refuses `GET /me` with. */
export type ServerCode = Refusals[keyof Refusals]['content']['application/problem+json']['code']
