// Clerk's own browser SDK, unmodified, in a headless Chromium against running emulators and an app's page.
import assert from 'node:assert/strict';
import { createPublicKey, verify as check } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

const needed = (name) => process.env[name] ?? assert.fail(`${name} is not set`);
const single = { emulator: needed('CLERK_EMULATOR_URL'), app: needed('APP_URL') };
const several = { emulator: needed('SEVERAL_EMULATOR_URL'), app: needed('SEVERAL_APP_URL') };
assert.equal(process.env.CLERK_TELEMETRY_DISABLED, '1', 'the SDK would send telemetry out');

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];
const password = 'correct horse battery';
let browser;
// Every request of every page, so that the last test can tell that none left the machine.
const requested = new Set();

before(async () => {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  assert.ok(existsSync(executablePath), `${executablePath} is not there: install Chromium, or name it in CHROMIUM`);
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

/** A tab of the app with the SDK loaded. */
const open = async (within, instance, path = '/') => {
  const page = await within.newPage();
  if (process.env.SHOW_CONSOLE) {
    page.on('console', (message) => console.error(message.text()));
    page.on('pageerror', (error) => console.error(String(error)));
    page.on('response', (answer) => console.error(answer.status(), answer.request().method(), answer.url()));
  }
  await page.goto(instance.app + path);
  await loaded(page);
  return page;
};

const loaded = (page) => page.evaluate(async () => {
  window.codeOf = (error) => error.errors?.[0]?.code ?? error.code ?? String(error);
  window.refused = (promise) => promise.then(() => null, window.codeOf);
  window.signedIn = (done) => window.Clerk.setActive({ session: done.createdSessionId });
  await window.Clerk.load({ telemetry: false });
});

/** Runs in the page; signing out may navigate while it does. */
const signOut = (page, options = {}) =>
  page.evaluate((options) => window.Clerk.signOut({ redirectUrl: '#out', ...options }), options).catch(() => {});

const signUp = (page, emailAddress, more = {}) => page.evaluate(async ({ emailAddress, more }) => {
  const attempt = await window.Clerk.client.signUp.create({ emailAddress, ...more });
  await attempt.prepareEmailAddressVerification({ strategy: 'email_code' });
  await window.signedIn(await attempt.attemptEmailAddressVerification({ code: '424242' }));
  return { userId: window.Clerk.user.id, sessionId: window.Clerk.session.id };
}, { emailAddress, more });

const signIn = (page, create) => page.evaluate(async (create) => {
  await window.signedIn(await window.Clerk.client.signIn.create(create));
}, create);

const user = (page) => page.evaluate(() => window.Clerk.user?.id ?? null);
const until = (page, wanted) => page.waitForFunction((wanted) => (window.Clerk.user?.id ?? null) === wanted, wanted);
const token = (page, options) => page.evaluate((options) => window.Clerk.session.getToken(options), options);
const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));

const verify = async (instance, jwt) => {
  const { keys } = await (await fetch(`${instance.emulator}/.well-known/jwks.json`)).json();
  const [header, payload, signature] = jwt.split('.');
  const key = keys.find(({ kid }) => kid === JSON.parse(Buffer.from(header, 'base64url')).kid);
  const of = createPublicKey({ key, format: 'jwk' });
  const right = check('RSA-SHA256', Buffer.from(`${header}.${payload}`), of, Buffer.from(signature, 'base64url'));
  assert.ok(right, 'the signature is wrong');
};

let within, page;
const begin = async (instance) => {
  within = await context();
  page = await open(within, instance);
};
afterEach(() => within?.close());

describe('a browser with one session', () => {
  beforeEach(() => begin(single));

  test('signs up with a code', async () => {
    const emailAddress = address();
    const wrong = await page.evaluate(async (emailAddress) => {
      const attempt = await window.Clerk.client.signUp.create({ emailAddress, firstName: 'Ada', lastName: 'King' });
      await attempt.prepareEmailAddressVerification({ strategy: 'email_code' });
      const code = await window.refused(attempt.attemptEmailAddressVerification({ code: '000000' }));
      await window.signedIn(await attempt.attemptEmailAddressVerification({ code: '424242' }));
      return code;
    }, emailAddress);
    assert.equal(wrong, 'form_code_incorrect');
    const { body } = await backend(single, 'GET', `users/${await user(page)}`);
    assert.equal(body.email_addresses[0].email_address, emailAddress);
    assert.equal(body.email_addresses[0].verification.strategy, 'email_code');
    assert.deepEqual([body.first_name, body.last_name, body.password_enabled], ['Ada', 'King', false]);
    const taken = await page.evaluate((emailAddress) => window.refused(window.Clerk.client.signUp.create({ emailAddress })), emailAddress);
    assert.equal(taken, 'session_exists');
  });

  test('has tokens the keys of the instance verify, and fresh ones on demand', async () => {
    const { userId, sessionId } = await signUp(page, address());
    const first = await token(page);
    await verify(single, first);
    const { iss, sub, sid, azp, sts, exp, iat } = claims(first);
    const { issuer } = await control(single, 'GET', 'info');
    assert.deepEqual({ iss, sub, sid, azp, sts, life: exp - iat },
      { iss: issuer, sub: userId, sid: sessionId, azp: single.app, sts: 'active', life: 60 });
    assert.equal(await token(page), first, 'the SDK keeps a token that is good');
    const second = await token(page, { skipCache: true });
    assert.notEqual(claims(second).jti, claims(first).jti);
    await verify(single, second);
  });

  test('keeps its session over a reload, and in another tab', async () => {
    const { userId } = await signUp(page, address(), { password });
    await page.reload();
    await loaded(page);
    assert.equal(await user(page), userId);
    const other = await open(within, single);
    assert.equal(await user(other), userId);
    const cookies = Object.fromEntries((await within.cookies()).map((cookie) => [cookie.name, cookie]));
    assert.deepEqual([cookies.__client.httpOnly, cookies.__client.sameSite], [true, 'Lax']);
    assert.ok(Number(cookies.__client_uat.value) > 0);
  });

  test('signs out, and in again by password and by code', async () => {
    const emailAddress = address();
    const { userId } = await signUp(page, emailAddress, { password });
    await signOut(page);
    await until(page, null);
    assert.equal((await within.cookies()).find(({ name }) => name === '__client_uat').value, '0');
    const refused = await page.evaluate(async ({ emailAddress }) => [
      await window.refused(window.Clerk.client.signIn.create({ identifier: emailAddress, password: 'another horse' })),
      await window.refused(window.Clerk.client.signIn.create({ identifier: 'nobody@example.com' })),
      await window.refused(window.Clerk.client.signUp.create({ emailAddress })),
      await window.refused(window.Clerk.client.signUp.create({ emailAddress: 'b@example.com', password: 'short' })),
    ], { emailAddress });
    assert.deepEqual(refused, ['form_password_incorrect', 'form_identifier_not_found', 'form_identifier_exists',
      'form_password_length_too_short']);

    await signIn(page, { identifier: emailAddress, password });
    assert.equal(await user(page), userId);
    await signOut(page);
    await until(page, null);

    await page.evaluate(async (identifier) => {
      const attempt = await window.Clerk.client.signIn.create({ identifier });
      const { emailAddressId } = attempt.supportedFirstFactors.find(({ strategy }) => strategy === 'email_code');
      await attempt.prepareFirstFactor({ strategy: 'email_code', emailAddressId });
      await window.signedIn(await attempt.attemptFirstFactor({ strategy: 'email_code', code: '424242' }));
    }, emailAddress);
    assert.equal(await user(page), userId);
  });

  test('goes through the newer signUp and signIn as well', async () => {
    const emailAddress = address();
    const up = await page.evaluate(async ({ emailAddress, password }) => {
      const signUp = () => window.Clerk.client.signUp.__internal_future;
      const errors = [];
      errors.push((await signUp().password({ emailAddress, password })).error);
      errors.push((await signUp().verifications.sendEmailCode()).error);
      const wrong = (await signUp().verifications.verifyEmailCode({ code: '000000' })).error;
      errors.push((await signUp().verifications.verifyEmailCode({ code: '424242' })).error);
      errors.push((await signUp().finalize()).error);
      return { wrong: window.codeOf(wrong), errors: errors.filter(Boolean).map(window.codeOf) };
    }, { emailAddress, password });
    assert.deepEqual(up, { wrong: 'form_code_incorrect', errors: [] });
    const userId = await user(page);
    assert.ok(userId);
    await signOut(page);
    await until(page, null);
    const errors = await page.evaluate(async ({ identifier, password }) => {
      const signIn = () => window.Clerk.client.signIn.__internal_future;
      const errors = [];
      errors.push((await signIn().password({ identifier, password })).error);
      errors.push((await signIn().finalize()).error);
      return errors.filter(Boolean).map(window.codeOf);
    }, { identifier: emailAddress, password });
    assert.deepEqual(errors, []);
    assert.equal(await user(page), userId);
    await signOut(page);
    await until(page, null);
    const byCode = await page.evaluate(async (emailAddress) => {
      const signIn = () => window.Clerk.client.signIn.__internal_future;
      const errors = [];
      errors.push((await signIn().emailCode.sendCode({ emailAddress })).error);
      errors.push((await signIn().emailCode.verifyCode({ code: '424242' })).error);
      errors.push((await signIn().finalize()).error);
      return errors.filter(Boolean).map(window.codeOf);
    }, emailAddress);
    assert.deepEqual(byCode, []);
    assert.equal(await user(page), userId);
  });

  test('is signed out when another tab signs out', async () => {
    const { userId, sessionId } = await signUp(page, address());
    const other = await open(within, single);
    await until(other, userId);
    await signOut(other);
    await until(page, null);
    assert.equal((await backend(single, 'GET', `sessions/${sessionId}`)).body.status, 'removed');
  });

  test('is signed out when its user is deleted', async () => {
    const { userId } = await signUp(page, address());
    assert.equal((await backend(single, 'DELETE', `users/${userId}`)).status, 200);
    assert.equal(await page.evaluate(() => window.refused(window.Clerk.session.getToken({ skipCache: true }))), 'signed_out');
    await until(page, null);
  });

  test('is signed out when its session is revoked', async () => {
    const { userId, sessionId } = await signUp(page, address());
    assert.equal((await backend(single, 'POST', `sessions/${sessionId}/revoke`)).body.status, 'revoked');
    await page.reload();
    await loaded(page);
    assert.equal(await user(page), null);
    assert.equal((await backend(single, 'GET', `users/${userId}`)).status, 200);
  });

  test('is not signed in while a task is open', async () => {
    const { userId, sessionId } = await signUp(page, address());
    const status = () => page.evaluate(() => [window.Clerk.isSignedIn, window.Clerk.session?.status ?? null]);
    assert.deepEqual(await status(), [true, 'active']);
    await control(single, 'POST', `sessions/${sessionId}/pend`);
    await page.reload();
    await loaded(page);
    assert.deepEqual(await status(), [false, 'pending']);
    assert.equal(claims(await token(page, { skipCache: true })).sts, 'pending');
    await control(single, 'POST', `sessions/${sessionId}/activate`);
    await page.reload();
    await loaded(page);
    assert.deepEqual([...await status(), await user(page)], [true, 'active', userId]);
  });

  test('changes and deletes its own user', async () => {
    const { userId } = await signUp(page, address());
    await page.evaluate(() => window.Clerk.user.update({ firstName: 'Grace', unsafeMetadata: { theme: 'dark' } }));
    const { body } = await backend(single, 'GET', `users/${userId}`);
    assert.deepEqual([body.first_name, body.unsafe_metadata], ['Grace', { theme: 'dark' }]);
    await page.evaluate(() => window.Clerk.user.delete()).catch(() => {});
    await until(page, null);
    assert.equal((await backend(single, 'GET', `users/${userId}`)).status, 404);
  });

  test('may be on another origin of this machine', async () => {
    const cross = await open(within, single, '/cross');
    const { userId } = await signUp(cross, address());
    await cross.reload();
    await loaded(cross);
    assert.equal(await user(cross), userId);
    assert.equal(claims(await token(cross, { skipCache: true })).azp, single.app);
  });
});

describe('a browser with several sessions', () => {
  beforeEach(() => begin(several));

  test('switches between accounts and leaves one of them', async () => {
    const ada = await signUp(page, address());
    const bob = await signUp(page, address());
    assert.equal(await user(page), bob.userId);
    assert.equal(await page.evaluate(() => window.Clerk.client.sessions.length), 2);
    const again = await page.evaluate(() => window.refused(window.Clerk.client.signIn.create({
      identifier: window.Clerk.user.primaryEmailAddress.emailAddress,
    })));
    assert.equal(again, 'identifier_already_signed_in');

    await page.evaluate((session) => window.Clerk.setActive({ session }), ada.sessionId);
    await until(page, ada.userId);
    assert.equal(claims(await token(page)).sub, ada.userId);
    await page.reload();
    await loaded(page);
    assert.equal(await user(page), ada.userId, 'the one in front stays in front');

    await signOut(page, { sessionId: ada.sessionId });
    await page.reload();
    await loaded(page);
    assert.equal(await user(page), bob.userId);
    const status = async ({ sessionId }) => (await backend(several, 'GET', `sessions/${sessionId}`)).body.status;
    assert.deepEqual([await status(ada), await status(bob)], ['removed', 'active']);
    await signOut(page);
    await until(page, null);
    assert.equal(await status(bob), 'removed');
  });

  test('gets a fresh token before the old one ends', async () => {
    await signUp(page, address());
    const first = claims(await token(page));
    await page.waitForResponse((answer) => answer.url().includes('/tokens') && answer.ok());
    await page.waitForFunction(async (jti) => {
      const jwt = await window.Clerk.session.getToken();
      return JSON.parse(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).jti !== jti;
    }, first.jti);
    assert.ok(Date.now() / 1000 < first.exp, 'it came too late');
  });
});

test('no request left the machine', () => {
  assert.deepEqual([...requested], ['127.0.0.1']);
});
