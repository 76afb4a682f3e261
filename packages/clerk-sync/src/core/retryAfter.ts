/** A `Retry-After` header, seconds or a date, in milliseconds from `nowMs`; undefined when it says nothing. */
export function parseRetryAfter(value: string | null | undefined, nowMs: number = Date.now()): number | undefined {
  if (!value) return undefined
  const seconds = Number(value)
  const ms = seconds >= 0 ? seconds * 1000 : Date.parse(value) - nowMs
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
