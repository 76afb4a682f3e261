// Clerk's real SDK in a real browser, against the real server: what the person who signs up sees.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, afterEach, before, describe, test } from 'node:test'
import { hosts, launch, Person } from './browser.mjs'
import { Stage } from './processes.mjs'

assert.equal(process.env.CLERK_TELEMETRY_DISABLED, '1', 'the SDK would send telemetry out')

/** Clerk's Backend API does not answer, so that only a webhook can bring the row. */
const noLookUp = { api_outage: true }

let browser
let stage
let person
let serial = 0
const address = () => `person${(serial += 1)}@example.com`

async function open(weather) {
  stage = await Stage.open()
  await stage.weather(weather ?? {})
  person = await Person.come(browser, stage)
}

/** How much later than its commit the record stood on the page, in milliseconds. */
async function lateness() {
  const timeline = await stage.control('GET', 'timeline')
  const answered = timeline.find((entry) => entry.kind === 'webhook_attempt' && entry.event_type === 'user.created')
  return person.seen[0].at - answered.at_ms
}

before(async () => {
  browser = await launch()
})
after(() => browser?.close())
afterEach(async () => {
  await person?.leave()
  await stage?.close()
  person = stage = undefined
})

describe('after a sign-up', () => {
  test('webhook late: the first answer has the row', async () => {
    await open({ webhook_delay_ms: [4_000, 4_000] })
    await person.show('sign-up')
    const email = address()
    await person.signUp(email)
    await person.ready(email)
    assert.deepEqual(person.asked, [200])
    assert.equal(await person.page.getByTestId('role').textContent(), 'admin')
    await person.show('ready')
  })

  test('webhook never: the first answer has the row', async () => {
    await open({ webhooks_off: true })
    const email = address()
    await person.signUp(email)
    await person.ready(email)
    assert.deepEqual(person.asked, [200])
    await person.page.reload()
    await person.ready(email)
  })

  test('held request: one request, answered by the commit', async (t) => {
    await open({ ...noLookUp, webhook_delay_ms: [3_000, 3_000] })
    const email = address()
    await person.signUp(email)
    await person.page.getByText('Setting up your account').waitFor()
    await person.ready(email)
    assert.deepEqual(person.asked, [200])
    t.diagnostic(`shown ${await lateness()} ms after the webhook was answered, with 1 request`)
  })

  test('held request: what is seen meanwhile', async () => {
    await open({ ...noLookUp, webhooks_off: true })
    await person.signUp(address())
    await person.page.getByText('Setting up your account').waitFor()
    await person.show('syncing')
  })

  test('API down, then up: it says so and heals by itself', async () => {
    await open()
    await stage.server.stop()
    const email = address()
    await person.signUp(email)
    await person.page.getByRole('alert').waitFor()
    await person.show('delayed')
    await stage.startServer()
    await person.ready(email)
  })

  test('API down, then up: "Try again" does not wait for that', async () => {
    await open()
    await stage.server.stop()
    const email = address()
    await person.signUp(email)
    await person.page.getByRole('alert').waitFor()
    await stage.startServer()
    await person.page.getByRole('button', { name: 'Try again' }).click()
    await person.ready(email)
  })

  test('database down, then up: 503 and nothing else, then the row', async () => {
    await open()
    const lock = new DatabaseSync(stage.database)
    lock.exec('BEGIN IMMEDIATE')
    const email = address()
    await person.signUp(email)
    await person.page.getByRole('alert').waitFor()
    assert.deepEqual(new Set(person.asked), new Set([503]))
    lock.exec('ROLLBACK')
    lock.close()
    await person.ready(email)
  })

  test('sign-out while waiting: nothing goes on, and the next account sees nothing of it', async () => {
    await open({ ...noLookUp, webhooks_off: true })
    await person.signUp(address())
    await person.page.getByText('Setting up your account').waitFor()
    await person.signOut()
    await person.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    const before = person.asked.length
    await stage.weather({})
    const next = address()
    await person.page.getByRole('link', { name: 'Sign up' }).click()
    await person.signUp(next)
    await person.ready(next)
    assert.deepEqual(person.asked.slice(before), [200])
    assert.deepEqual(person.seen.map((one) => one.address), [next])
  })
})

describe('later', () => {
  test('second tab: signing out there signs out here', async () => {
    await open()
    const email = address()
    await person.signUp(email)
    await person.ready(email)
    const second = await person.tab('/')
    await person.ready(email, second)
    await person.signOut(second)
    await person.page.getByText('Sign up or sign in').or(person.page.getByRole('heading', { name: 'Sign in' })).first().waitFor()
    assert.equal(await person.page.getByTestId('email').count(), 0)
  })

  test('deleted while signed in: signed out, and the record is gone from the page', async () => {
    await open()
    const email = address()
    const id = await person.signUp(email)
    await person.ready(email)
    await stage.backend('DELETE', `users/${id}`)
    await stage.control('GET', 'quiet')
    await person.page.reload()
    await person.page.getByRole('link', { name: 'Sign up' }).waitFor()
    assert.equal(await person.page.getByTestId('email').count(), 0)
    await person.show('signed-out')
  })

  test('deleted while signed in: said by the record, where Clerk has not said it yet', async () => {
    await open()
    const email = address()
    const id = await person.signUp(email)
    await person.ready(email)
    // What Clerk knows of this browser, as it is before the user is deleted, and from then on all it ever says.
    const known = person.page.waitForResponse((response) => new URL(response.url()).pathname === '/__clerk/v1/client')
    await person.page.reload()
    const client = await (await known).text()
    await person.ready(email)
    await stage.backend('DELETE', `users/${id}`)
    await stage.control('GET', 'quiet')
    await person.context.route('**/__clerk/v1/client*/**', (route) => route.abort())
    await person.context.route('**/__clerk/v1/client?*', (route) => route.fulfill({ body: client, contentType: 'application/json' }))
    await person.page.reload()
    await person.page.getByRole('alert').waitFor()
    assert.equal(person.asked.at(-1), 401)
    assert.equal(await person.page.getByTestId('email').count(), 0)
    const buttons = person.page.getByRole('button')
    assert.deepEqual(await buttons.allTextContents(), ['Sign out'])
    await person.show('deleted')
  })

  test('deleted while signed in: an open page hears of it when it is looked at again', async () => {
    await open()
    const email = address()
    const id = await person.signUp(email)
    await person.ready(email)
    await stage.backend('DELETE', `users/${id}`)
    await stage.control('GET', 'quiet')
    await person.page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await person.page.getByRole('link', { name: 'Sign up' }).waitFor()
    assert.equal(await person.page.getByTestId('email').count(), 0)
  })

  test('two accounts, one after the other: nobody sees anything of the other', async () => {
    await open()
    const [first, second] = [address(), address()]
    await person.signUp(first)
    await person.ready(first)
    await person.signOut()
    await person.page.getByRole('link', { name: 'Sign up' }).click()
    await person.signUp(second)
    await person.ready(second)
    assert.deepEqual(person.seen.map((one) => one.address), [first, second])
  })

  test('offline: what is there stays, and a wait goes on with the network', async () => {
    await open({ ...noLookUp, webhooks_off: true })
    const email = address()
    await person.signUp(email)
    await person.page.getByText('Setting up your account').waitFor()
    await person.context.setOffline(true)
    await person.page.getByText(/offline/i).waitFor()
    await person.show('offline')
    await stage.weather({})
    await person.context.setOffline(false)
    await person.ready(email)
  })
})

test('no request left this machine', () => {
  assert.deepEqual([...hosts], ['127.0.0.1'])
})
