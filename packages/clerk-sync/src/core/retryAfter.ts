/** A `Retry-After` header, seconds or a date, in milliseconds from `nowMs`; undefined when it says nothing. */
export function parseRetryAfter(value: string | null | undefined, nowMs: number = Date.now()): number | undefined {
  const seconds = parseFloat(value!)
  const ms = seconds >= 0 ? seconds * 1000 : Date.parse(value!) - nowMs
  return ms >= 0 ? ms : ms < 0 ? 0 : undefined
}
