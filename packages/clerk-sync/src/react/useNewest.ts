import { useEffect, useMemo } from 'react'

/** A box with the newest value, so that what began earlier meets it; another box for each `owner`. */
export function useNewest<T>(value: T, owner?: unknown): { current: T } {
  const box = useMemo(() => ({ current: value }), [owner])
  useEffect(() => {
    box.current = value
  })
  return box
}
