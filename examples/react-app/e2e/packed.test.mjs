// The package as npm would publish it, in an app that has nothing else, against `clerk-sync dev`.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { build, preview } from 'vite'
import { hosts, launch } from './browser.mjs'
import { freePort, start } from './processes.mjs'

const run = promisify(execFile)
const repository = new URL('../../../', import.meta.url).pathname
const QUIET = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts']

const INDEX = '<!doctype html><title>Empty</title><div id="root"></div><script type="module" src="/main.jsx"></script>'
/** All there is of the app. */
const MAIN = `import { ClerkProvider, useAuth } from '@clerk/react'
import { Clerk } from '@clerk/clerk-js'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createUserSync } from 'clerk-sync'
import { UserSyncBoundary, UserSyncProvider } from 'clerk-sync/react'
import { createRoot } from 'react-dom/client'
const sync = createUserSync({ endpoint: '/me' })
const gate = <UserSyncProvider sync={sync} useAuth={useAuth}><UserSyncBoundary signedOut="nobody">{(me) => <b>{me.email}</b>}</UserSyncBoundary></UserSyncProvider>
createRoot(document.getElementById('root')).render(<ClerkProvider publishableKey="KEY" proxyUrl="/__clerk" Clerk={Clerk} telemetry={false} prefetchUI={false}>
  <QueryClientProvider client={new QueryClient()}>{gate}</QueryClientProvider></ClerkProvider>)
`

let folder, browser, dev, page
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clerk-sync-packed-'))
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await page?.close()
  await dev?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('packed, in an empty app of ten lines, against clerk-sync dev', async () => {
  assert.equal(MAIN.trimEnd().split('\n').length, 10)
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: join(repository, 'packages/clerk-sync') })
  const [{ filename, files }] = JSON.parse(packed.stdout)
  assert.ok(files.every(({ path }) => /^(dist\/|package\.json|README\.md)/.test(path)), JSON.stringify(files))

  const { dependencies } = JSON.parse(await readFile(new URL('../package.json', import.meta.url)))
  const wanted = ['@clerk/clerk-js', '@clerk/react', '@tanstack/react-query', 'react', 'react-dom']
  const versions = wanted.map((name) => [name, dependencies[name]])
  const manifest = { private: true, type: 'module', dependencies: { ...Object.fromEntries(versions), 'clerk-sync': `file:${filename}` } }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  await run('npm', ['install', ...QUIET], { cwd: folder })

  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  dev = await start(['dev', '--listen', `127.0.0.1:${port}`], {}, /publishableKey/)
  const [, key] = dev.said.join('\n').match(/publishableKey="([^"]+)"/)
  await writeFile(join(folder, 'index.html'), INDEX)
  await writeFile(join(folder, 'main.jsx'), MAIN.replace('KEY', key))
  const settings = { root: folder, configFile: false, logLevel: 'silent', oxc: { jsx: { runtime: 'automatic' } } }
  await build({ ...settings, build: { chunkSizeWarningLimit: 4_000 } })
  const proxy = { '/me': url, '/__clerk': url }
  page = await preview({ ...settings, preview: { port: await freePort(), host: '127.0.0.1', proxy } })

  const tab = await browser.newPage()
  tab.on('request', (request) => /^(blob|data):/.test(request.url()) || hosts.add(new URL(request.url()).hostname))
  await tab.goto(`http://127.0.0.1:${page.httpServer.address().port}`)
  await tab.getByText('nobody').waitFor()
  await tab.evaluate(async () => {
    const attempt = await window.Clerk.client.signUp.create({ emailAddress: 'packed@example.com' })
    await attempt.prepareEmailAddressVerification({ strategy: 'email_code' })
    const done = await attempt.attemptEmailAddressVerification({ code: '424242' })
    await window.Clerk.setActive({ session: done.createdSessionId })
  })
  await tab.getByText('packed@example.com').waitFor()
  assert.deepEqual([...hosts], ['127.0.0.1'])
})
