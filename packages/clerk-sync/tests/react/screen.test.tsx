import axe from 'axe-core'
import { screen } from '@testing-library/react'
import { UserSyncError, type Progress } from 'clerk-sync'
import { UserSyncLoading } from 'clerk-sync/react'
import { render } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import { pass } from './setup'

const request = (attempt: number): Progress => ({ type: 'request', attempt, elapsedMs: 0 })
const failed = new UserSyncError({ code: 'not_synced', attempts: 6, elapsedMs: 31_000, retryable: true, requestId: 'req-7' })

/** Role, what is spoken, and what is only seen. */
function aria(role: string) {
  const element = screen.getByRole(role)
  const hidden = [...element.querySelectorAll('[aria-hidden=true]')].map((node) => node.textContent)
  const spoken = [...element.childNodes].filter((node) => (node as Element).ariaHidden !== 'true' && !(node as Element).hasAttribute?.('aria-hidden'))
  return { spoken: spoken.map((node) => node.textContent).join(' '), hidden, busy: element.getAttribute('aria-busy') }
}

test('what is spoken changes at 0.4, 5 and 15 s, whatever attempt it is', async () => {
  const { rerender } = render(<UserSyncLoading progress={request(1)} />)
  expect(aria('status')).toEqual({ spoken: '', hidden: [], busy: null })
  await pass(400)
  expect(aria('status')).toEqual({ spoken: 'Setting up your account…', hidden: [''], busy: null })
  rerender(<UserSyncLoading progress={request(3)} />)
  expect(aria('status')).toEqual({ spoken: 'Setting up your account…', hidden: ['', '(attempt 3)'], busy: null })
  await pass(4600)
  expect(aria('status').spoken).toBe('Still setting up your account…')
  await pass(10_000)
  expect(aria('status').spoken).toBe('Setting up your account takes longer than usual…')
  rerender(<UserSyncLoading progress={{ ...request(3), type: 'offline' }} />)
  expect(aria('status').spoken).toBe('You are offline.')
})

test('a wait after an error is silent again at first', async () => {
  const { rerender } = render(<UserSyncLoading progress={request(1)} />)
  await pass(15_000)
  rerender(<UserSyncLoading error={failed} onRetry={() => {}} />)
  await pass(20_000)
  rerender(<UserSyncLoading progress={request(1)} />)
  expect(aria('status').spoken).toBe('')
  await pass(400)
  expect(aria('status').spoken).toBe('Setting up your account…')
})

test('every text can be another', async () => {
  const messages = { pending: 'Konto wird eingerichtet…', attempt: ({ attempt }: Progress) => `(${attempt}. Versuch)`, error: 'Fehler', retry: 'Nochmal' }
  const { container, rerender } = render(<UserSyncLoading progress={request(2)} messages={messages} />)
  await pass(400)
  expect(container.textContent).toBe('Konto wird eingerichtet…(2. Versuch)')
  rerender(<UserSyncLoading error={failed} onRetry={() => {}} messages={messages} />)
  expect(container.textContent).toBe('FehlerReference: req-7Nochmal')
})

test('axe finds nothing', async () => {
  const { container, rerender } = render(<UserSyncLoading progress={request(2)} />)
  const violations = async () => {
    vi.useRealTimers()
    const { violations } = await axe.run(container, { rules: { region: { enabled: false } } })
    return violations.map(({ id, help }) => `${id}: ${help}`)
  }
  await pass(400)
  expect(await violations()).toEqual([])
  rerender(<UserSyncLoading error={failed} onRetry={() => {}} onSignOut={() => {}} />)
  expect(await violations()).toEqual([])
  // That it looks: a button without a name is found.
  container.append(globalThis.document.createElement('button'))
  expect(await violations()).toEqual([expect.stringContaining('button-name')])
})
