// A headless Chromium, what a person does in it, and what they saw.
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']
const SCREENSHOTS = new URL('../screenshots/', import.meta.url).pathname

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Hosts of every request of every page. */
export const hosts = new Set()

export async function launch() {
  await mkdir(SCREENSHOTS, { recursive: true })
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS })
}

/** A browser of one person: cookies and tabs of their own. */
export class Person {
  static async come(browser, stage) {
    const person = new Person()
    Object.assign(person, { stage, asked: [], seen: [] })
    person.context = await browser.newContext()
    person.context.setDefaultTimeout(Number(process.env.PATIENCE_MS ?? 60_000))
    person.context.on('request', (request) => {
      if (/^(blob|data):/.test(request.url())) return
      hosts.add(new URL(request.url()).hostname)
    })
    person.context.on('response', (response) => {
      if (new URL(response.url()).pathname === '/api/me') person.asked.push(response.status())
    })
    // Every address that ever stood on the page, however short, and when.
    await person.context.exposeBinding('sawAddress', (_, address, at) => person.seen.push({ address, at }))
    await person.context.addInitScript(() => {
      let last
      new MutationObserver(() => {
        const address = document.querySelector('[data-testid=email]')?.textContent
        if (address && address !== last) window.sawAddress(address, Date.now())
        last = address
      }).observe(document, { subtree: true, childList: true, characterData: true })
    })
    person.page = await person.tab('/sign-up')
    return person
  }

  async tab(path) {
    const page = await this.context.newPage()
    if (process.env.SHOW_CONSOLE) page.on('console', (message) => console.error(message.text()))
    await page.goto(this.stage.url + path)
    return page
  }

  /** Fills in the page's own forms; answers once Clerk has signed the person up. */
  async signUp(address) {
    const { page } = this
    await page.getByLabel('E-mail').fill(address)
    await page.getByRole('button', { name: 'Send me a code' }).click()
    await page.getByLabel('Code').fill('424242')
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForFunction(() => window.Clerk?.user)
    return page.evaluate(() => window.Clerk.user.id)
  }

  async signOut(page = this.page) {
    // It may navigate while it runs.
    await page.evaluate(() => window.Clerk.signOut({ redirectUrl: '/sign-in' })).catch(() => {})
  }

  /** Waits for the profile, and checks whose it is. */
  async ready(address, page = this.page) {
    await page.getByTestId('email').filter({ hasText: address }).waitFor()
  }

  /** A picture of the state in both colour schemes, and what axe finds wrong with it. */
  async show(state, page = this.page) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: join(SCREENSHOTS, `${state}-${colorScheme}.png`) })
      await page.evaluate(axe)
      const { violations } = await page.evaluate(() => window.axe.run())
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `${state}, ${colorScheme}`)
    }
    await page.emulateMedia({ colorScheme: null })
  }

  leave() {
    return this.context.close()
  }
}
