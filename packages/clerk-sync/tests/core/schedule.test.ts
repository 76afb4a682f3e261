import { describe, expect, test } from 'vitest'
import { type Kind, nextDelayMs } from '../../src/core/schedule'

const RETRIES = { notSynced: 5, other: 1 }
const MIDDLE = 0.5

function delays(kinds: Kind[], random = MIDDLE, backoff?: 'eager') {
  const spent = { notSynced: 0, other: 0 }
  return kinds.map((retry) => {
    const ms = nextDelayMs(backoff, RETRIES, spent, { retry }, random)
    spent[retry]++
    return ms
  })
}

describe('the schedule', () => {
  test("is the document's: 1, 2, 4, 8, 16 s and then no more", () => {
    expect(delays(Array(6).fill('notSynced'))).toEqual([1000, 2000, 4000, 8000, 16_000, undefined])
    expect(delays(['other', 'other'])).toEqual([1000, undefined])
  })

  test('counts each kind apart', () => {
    expect(delays(['notSynced', 'notSynced', 'other', 'notSynced', 'other'])).toEqual([1000, 2000, 1000, 4000, undefined])
  })

  test('spreads by a fifth either way', () => {
    expect(delays(['notSynced'], 0)).toEqual([800])
    expect(delays(['notSynced'], 1)).toEqual([1200])
  })

  test('can be eager', () => {
    const eager = delays(Array(6).fill('notSynced'), MIDDLE, 'eager')
    expect(eager.slice(0, 3).map((ms) => Math.round(ms!))).toEqual([250, 400, 640])
    const far = nextDelayMs('eager', { notSynced: 99, other: 1 }, { notSynced: 50, other: 0 }, { retry: 'notSynced' }, MIDDLE)
    expect(far).toBe(3000)
  })

  test.each([
    ['the longer of the two', { retry: 'notSynced', retryAfterMs: 4000 }, 4000],
    ['not sooner than planned', { retry: 'notSynced', retryAfterMs: 10 }, 1000],
    ['a minute at most', { retry: 'other', retryAfterMs: 60_001 }, undefined],
    ['at once after a held answer', { retry: 'notSynced', held: true, retryAfterMs: 4000 }, 0],
    ['held, but something else is wrong', { retry: 'other', held: true, retryAfterMs: 4000 }, 4000],
    ['never where it does not help', {}, undefined],
  ] as const)('Retry-After: %s', (_, hint, expected) => {
    expect(nextDelayMs(undefined, RETRIES, { notSynced: 0, other: 0 }, hint, MIDDLE)).toBe(expected)
  })
})
