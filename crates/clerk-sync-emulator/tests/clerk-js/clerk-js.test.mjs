// Clerk's own browser SDK, unmodified, in a headless Chromium against running emulators and an app's page.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

const needed = (name) => process.env[name] ?? assert.fail(`${name} is not set`);
const single = { emulator: needed('CLERK_EMULATOR_URL'), app: needed('APP_URL') };
const several = { emulator: needed('SEVERAL_EMULATOR_URL'), app: needed('SEVERAL_APP_URL') };
assert.equal(process.env.CLERK_TELEMETRY_DISABLED, '1', 'the SDK would send telemetry out');

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const password = 'correct horse battery';
let browser;
// Every request of every page, so that the last test can tell that none left the machine.
const requested = new Set();

before(async () => {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  browser = await chromium.launch({ executablePath, headless: true, args: flags });
});
after(() => browser?.close());

const control = async (instance, method, path, body) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${instance.emulator}/__emulator/${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.status}`);
  return answer.json();
};

const backend = async (instance, method, path) => {
  const { secret_key: key } = await control(instance, 'GET', 'info');
  const answer = await fetch(`${instance.emulator}/v1/${path}`, { method, headers: { authorization: `Bearer ${key}` } });
  return { status: answer.status, body: await answer.json() };
};

let serial = 0;
const address = () => `user${(serial += 1)}.${process.pid}@example.com`;

const context = async () => {
  const fresh = await browser.newContext();
  fresh.on('request', (request) => /^(blob|data):/.test(request.url()) || requested.add(new URL(request.url()).hostname));
  return fresh;
};

/** A tab of the app with the SDK loaded; `window.refused(promise)` gives the code of Clerk's error. */
const open = async (within, instance) => {
  const page = await within.newPage();
  await page.goto(instance.app);
  await loaded(page);
  return page;
};

const loaded = (page) => page.evaluate(async () => {
  window.refused = (promise) => promise.then(() => null, (error) => error.errors?.[0]?.code ?? String(error));
  await window.Clerk.load({ telemetry: false });
});

const signUp = (page, emailAddress, more = {}) => page.evaluate(async ({ emailAddress, more }) => {
  const attempt = await window.Clerk.client.signUp.create({ emailAddress, ...more });
  await attempt.prepareEmailAddressVerification({ strategy: 'email_code' });
  const done = await attempt.attemptEmailAddressVerification({ code: '424242' });
  await window.Clerk.setActive({ session: done.createdSessionId });
  return { userId: window.Clerk.user.id, sessionId: window.Clerk.session.id };
}, { emailAddress, more });

const user = (page) => page.evaluate(() => window.Clerk.user?.id ?? null);
const until = (page, wanted) => page.waitForFunction((wanted) => (window.Clerk.user?.id ?? null) === wanted, wanted);
const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));

describe('one session', () => {
  let within, page;
  beforeEach(async () => {
    within = await context();
    page = await open(within, single);
    return () => within.close();
  });

  test('signs up with a code', async () => {
    const emailAddress = address();
    const wrong = await page.evaluate(async (emailAddress) => {
      const attempt = await window.Clerk.client.signUp.create({ emailAddress, firstName: 'Ada', lastName: 'King' });
      await attempt.prepareEmailAddressVerification({ strategy: 'email_code' });
      const code = await window.refused(attempt.attemptEmailAddressVerification({ code: '000000' }));
      const done = await attempt.attemptEmailAddressVerification({ code: '424242' });
      await window.Clerk.setActive({ session: done.createdSessionId });
      return code;
    }, emailAddress);
    assert.equal(wrong, 'form_code_incorrect');
    const { body } = await backend(single, 'GET', `users/${await user(page)}`);
    assert.equal(body.email_addresses[0].email_address, emailAddress);
    assert.deepEqual([body.first_name, body.last_name, body.password_enabled], ['Ada', 'King', false]);
  });
});

test('no request left the machine', () => {
  assert.deepEqual([...requested], ['127.0.0.1']);
});
