// The real programs: an offline Clerk, the server and the built page, each on a port of its own on loopback.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { preview } from 'vite'

const program = process.env.CLERK_SYNC_PROGRAM ?? fail('CLERK_SYNC_PROGRAM is not set: the built clerk-sync')
/** How long a program may take to be there, in milliseconds. */
const START_MS = 30_000

function fail(why) {
  throw new Error(why)
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((closed) => server.close(closed))
  return port
}

/** Starts a program and waits for the line that says it is there; it ends with us. */
export async function start(words, env, ready) {
  const child = spawn(program, words, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  const said = []
  const listen = (stream) =>
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line)
      if (process.env.SHOW_PROGRAMS) console.error(`${words[0]}: ${line}`)
      if (ready.test(line)) child.emit('ready')
    })
  listen(child.stdout)
  listen(child.stderr)
  const signal = AbortSignal.timeout(START_MS)
  await Promise.race([once(child, 'ready', { signal }), once(child, 'exit', { signal })])
  if (child.exitCode !== null) fail(`clerk-sync ${words.join(' ')} ended:\n${said.join('\n')}`)
  return {
    said,
    async stop() {
      process.off('exit', end)
      const ended = once(child, 'exit')
      end()
      await ended
    },
  }
}

/** Clerk, server and page for one test. */
export class Stage {
  static async open(weather = {}) {
    const stage = new Stage()
    stage.folder = await mkdtemp(join(tmpdir(), 'clerk-sync-e2e-'))
    stage.database = join(stage.folder, 'users.db')
    stage.ports = { clerk: await freePort(), api: await freePort() }
    stage.clerkUrl = `http://127.0.0.1:${stage.ports.clerk}`
    stage.apiUrl = `http://127.0.0.1:${stage.ports.api}`
    const listen = `127.0.0.1:${stage.ports.clerk}`
    const webhooks = ['--webhook-url', `${stage.apiUrl}/webhooks/clerk`, '--weather', JSON.stringify(weather)]
    stage.clerk = await start(['emulator', '--listen', listen, '--speed', '20', ...webhooks], {}, /listens on/)
    stage.info = await stage.control('GET', 'info')
    await stage.startServer()
    Object.assign(process.env, { CLERK_URL: stage.clerkUrl, API_URL: stage.apiUrl })
    stage.page = await preview({ logLevel: 'silent', preview: { port: await freePort(), host: '127.0.0.1' } })
    stage.url = `http://127.0.0.1:${stage.page.httpServer.address().port}`
    return stage
  }

  async startServer() {
    const env = {
      CLERK_API_URL: this.clerkUrl,
      CLERK_SECRET_KEY: this.info.secret_key,
      CLERK_PUBLISHABLE_KEY: this.info.publishable_key,
      CLERK_WEBHOOK_SIGNING_SECRET: this.info.webhook_secret,
      DATABASE_URL: `sqlite:${this.database}`,
    }
    this.server = await start(['serve', '--listen', `127.0.0.1:${this.ports.api}`], env, /listen/)
    // It fetches the keys of session tokens at once. Without them nobody is let in, which is another story than ours.
    while (!(await this.control('GET', 'calls')).by_route['GET /v1/jwks']) await setTimeout(20)
  }

  /** Clerk's other side: weather, timeline, resending. */
  async control(method, path, body) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${this.clerkUrl}/__emulator/${path}`, { method, headers, body: body && JSON.stringify(body) })
    if (!answer.ok) fail(`${method} ${path}: ${answer.status}`)
    return answer.json()
  }

  weather(weather) {
    return this.control('PUT', 'weather', weather)
  }

  /** Clerk's Backend API. */
  async backend(method, path) {
    const authorization = `Bearer ${this.info.secret_key}`
    const answer = await fetch(`${this.clerkUrl}/v1/${path}`, { method, headers: { authorization } })
    if (!answer.ok) fail(`${method} /v1/${path}: ${answer.status}`)
    return answer.json()
  }

  async close() {
    await this.page?.close()
    await this.server?.stop()
    await this.clerk?.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}
