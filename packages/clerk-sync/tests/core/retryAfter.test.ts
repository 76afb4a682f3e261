import { parseRetryAfter } from 'clerk-sync'
import { expect, test } from 'vitest'

const NOW = Date.parse('Wed, 21 Oct 2015 07:27:58 GMT')

test.each([
  ['4', 4000],
  ['0', 0],
  [' 2 ', 2000],
  ['Wed, 21 Oct 2015 07:28:00 GMT', 2000],
  ['Wed, 21 Oct 2015 07:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
])('Retry-After %j is %j ms', (value, expected) => {
  expect(parseRetryAfter(value, NOW)).toBe(expected)
})
