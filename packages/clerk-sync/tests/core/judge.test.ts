import { expect, test } from 'vitest'
import { judge } from '../../src/core/judge'

const response = (status: number, headers: Record<string, string> = {}) => new Response(null, { status, headers })
const coded = (code: string) => ({ code })

test.each([
  [202, undefined, {}, 'not_synced', 'notSynced'],
  [401, undefined, {}, 'signed_out', undefined],
  [401, coded('user_deleted'), {}, 'deleted', undefined],
  [403, coded('user_banned'), {}, 'forbidden', undefined],
  [404, coded('user_not_synced'), {}, 'not_synced', 'notSynced'],
  [404, undefined, {}, 'not_synced', 'notSynced'],
  [408, undefined, {}, 'server', 'other'],
  [410, undefined, {}, 'deleted', undefined],
  [418, undefined, {}, 'server', undefined],
  [425, undefined, {}, 'not_synced', 'notSynced'],
  [429, undefined, {}, 'rate_limited', 'other'],
  [500, null, {}, 'server', 'other'],
  [503, coded('unavailable'), { 'retry-after': '1' }, 'server', 'other'],
  [503, undefined, { 'retry-after': '1' }, 'not_synced', 'notSynced'],
  [503, undefined, {}, 'server', 'other'],
] as const)('%i %j %j is %s', (status, body, headers, code, retry) => {
  const refusal = judge(response(status, headers), body, false)
  expect([refusal.code, refusal.retry]).toEqual([code, retry])
})

test('with strict404 only the code of a server of ours is "not yet"', () => {
  expect(judge(response(404), undefined, true)).toMatchObject({ code: 'wrong_endpoint', retry: undefined })
  expect(judge(response(404), coded('user_not_synced'), true).code).toBe('not_synced')
})

test('keeps what support and schedule need', () => {
  const headers = { 'retry-after': '2', 'x-request-id': 'r1' }
  const body = { code: 'user_not_synced', retry_after_ms: 1500 }
  expect(judge(response(404, headers), body, false)).toEqual({
    code: 'not_synced',
    status: 404,
    serverCode: 'user_not_synced',
    requestId: 'r1',
    retryAfterMs: 1500,
    retry: 'notSynced',
  })
  expect(judge(response(429, headers), undefined, false).retryAfterMs).toBe(2000)
})
