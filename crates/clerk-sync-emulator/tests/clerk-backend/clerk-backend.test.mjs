// Clerk's own backend SDK, unmodified, against a running emulator (CLERK_EMULATOR_URL).
import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { createClerkClient, verifyToken } from '@clerk/backend';
import { isClerkAPIResponseError } from '@clerk/backend/errors';
import { verifyWebhook } from '@clerk/backend/webhooks';

const url = process.env.CLERK_EMULATOR_URL;
assert.ok(url, 'CLERK_EMULATOR_URL must be the URL of a running emulator');
assert.equal(process.env.CLERK_TELEMETRY_DISABLED, '1', 'the SDK would send telemetry out');

// Every connection fetch makes, so that the last test can tell that none left the machine.
const connectedTo = new Set();
diagnostics.subscribe('undici:client:beforeConnect', ({ connectParams }) => connectedTo.add(connectParams.hostname));

const control = async (method, path, body) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/__emulator/${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.status}`);
  return answer.json();
};

const app = 'https://app.example.com';
const info = await control('GET', 'info');
const clerk = createClerkClient({
  secretKey: info.secret_key,
  publishableKey: info.publishable_key,
  apiUrl: url,
});
const keys = { secretKey: info.secret_key, apiUrl: url };
const pem = { jwtKey: info.jwt_key };

let serial = 0;
const address = () => `user${(serial += 1)}.${process.pid}@example.com`;
const newUser = (more = {}) => clerk.users.createUser({ emailAddress: [address()], ...more });
const refused = async (promise) => {
  const error = await promise.then(() => assert.fail('was not refused'), (error) => error);
  assert.ok(isClerkAPIResponseError(error), String(error));
  return error;
};

afterEach(() => control('PUT', 'weather', {}));

describe('users', () => {
  test('are created and read', async () => {
    const email = address();
    const createdAt = new Date('2020-01-02T03:04:05.678Z');
    const created = await clerk.users.createUser({
      emailAddress: [email],
      firstName: 'Ada',
      lastName: 'King',
      username: `ada_${process.pid}`,
      externalId: `ext-${process.pid}`,
      password: 'correct horse battery',
      publicMetadata: { role: 'admin' },
      createdAt,
    });
    assert.match(created.id, /^user_[0-9A-Za-z]{27}$/);
    assert.equal(created.createdAt, createdAt.getTime());
    assert.equal(created.primaryEmailAddress.emailAddress, email);
    assert.equal(created.primaryEmailAddress.verification.status, 'verified');
    assert.deepEqual([created.fullName, created.passwordEnabled, created.publicMetadata.role], ['Ada King', true, 'admin']);
    assert.deepEqual(await clerk.users.getUser(created.id), created);
  });

  test('are listed, filtered, ordered and counted', async () => {
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push((await newUser({ lastName: `Listed${process.pid}` })).id);
    const query = `Listed${process.pid}`;
    const page = await clerk.users.getUserList({ query, orderBy: '+created_at', limit: 2 });
    assert.deepEqual(page.data.map((user) => user.id), ids.slice(0, 2));
    assert.equal(page.totalCount, 3);
    const next = await clerk.users.getUserList({ query, orderBy: '+created_at', limit: 2, offset: 2 });
    assert.deepEqual(next.data.map((user) => user.id), ids.slice(2));
    assert.equal(await clerk.users.getCount({ query }), 3);
    const byId = await clerk.users.getUserList({ userId: [ids[1], `-${ids[0]}`, 'user_unknown'] });
    assert.deepEqual(byId.data.map((user) => user.id), [ids[1]]);
    const descending = await clerk.users.getUserList({ userId: ids, orderBy: '-updated_at' });
    assert.deepEqual(descending.data.map((user) => user.id), [...ids].reverse());
  });

  test('are updated, and metadata is merged and replaced', async () => {
    const user = await newUser();
    const updated = await clerk.users.updateUser(user.id, { firstName: 'Grace', externalId: `g-${user.id}` });
    assert.equal(updated.firstName, 'Grace');
    assert.ok(updated.updatedAt > user.updatedAt);
    await clerk.users.updateUserMetadata(user.id, { publicMetadata: { a: { b: 1, c: 2 } }, privateMetadata: { d: 1 } });
    const merged = await clerk.users.updateUserMetadata(user.id, { publicMetadata: { a: { b: null } } });
    assert.deepEqual([merged.publicMetadata, merged.privateMetadata], [{ a: { c: 2 } }, { d: 1 }]);
    const replaced = await clerk.users.replaceUserMetadata(user.id, { publicMetadata: { e: 5 } });
    assert.deepEqual([replaced.publicMetadata, replaced.privateMetadata], [{ e: 5 }, { d: 1 }]);
  });

  test('are banned, locked and deleted', async () => {
    const { id } = await newUser();
    assert.equal((await clerk.users.banUser(id)).banned, true);
    assert.equal((await clerk.users.getUserList({ userId: [id], banned: true })).totalCount, 1);
    assert.equal((await clerk.users.unbanUser(id)).banned, false);
    assert.equal((await clerk.users.lockUser(id)).locked, true);
    assert.equal((await clerk.users.unlockUser(id)).locked, false);
    const deleted = await clerk.users.deleteUser(id);
    assert.deepEqual([deleted.id, deleted.deleted], [id, true]);
    assert.equal((await refused(clerk.users.getUser(id))).status, 404);
  });

  test('have further addresses', async () => {
    const { id } = await newUser();
    const emailAddress = address();
    const added = await clerk.emailAddresses.createEmailAddress({ userId: id, emailAddress, verified: false });
    assert.equal(added.verification, null);
    await clerk.emailAddresses.updateEmailAddress(added.id, { verified: true, primary: true });
    assert.equal((await clerk.users.getUser(id)).primaryEmailAddress.emailAddress, emailAddress);
    await clerk.emailAddresses.deleteEmailAddress(added.id);
    assert.equal((await clerk.users.getUser(id)).emailAddresses.length, 1);
  });

  test('have no memberships', async () => {
    const { id } = await newUser();
    assert.deepEqual(await clerk.users.getOrganizationMembershipList({ userId: id }), { data: [], totalCount: 0 });
  });
});

describe('errors', () => {
  test('carry status, code and parameter', async () => {
    const missing = await refused(clerk.users.getUser('user_none'));
    assert.deepEqual([missing.status, missing.errors[0].code], [404, 'resource_not_found']);
    assert.match(missing.clerkTraceId, /^[0-9a-f]{32}$/);
    const { primaryEmailAddress } = await newUser();
    const taken = await refused(newUser({ emailAddress: [primaryEmailAddress.emailAddress] }));
    assert.deepEqual([taken.status, taken.errors[0].code], [422, 'form_identifier_exists']);
    assert.equal(taken.errors[0].meta.paramName, 'email_address');
    const stranger = createClerkClient({ secretKey: 'sk_test_stranger', apiUrl: url });
    const unknown = await refused(stranger.users.getCount());
    assert.deepEqual([unknown.status, unknown.errors[0].code], [401, 'clerk_key_invalid']);
  });

  test('carry the time to wait', async () => {
    const { id } = await newUser();
    for (let n = 0; n < 10; n += 1) await clerk.users.updateUser(id, { firstName: `N${n}` });
    const limited = await refused(clerk.users.updateUser(id, { firstName: 'N10' }));
    assert.deepEqual([limited.status, limited.errors[0].code], [429, 'too_many_requests']);
    assert.ok(limited.retryAfter >= 1 && limited.retryAfter <= 10, String(limited.retryAfter));
    await control('PUT', 'weather', { api_429: 1 });
    assert.equal((await refused(clerk.users.getUser(id))).retryAfter, 1);
  });

  test('may come from the edge, as HTML', async () => {
    await control('PUT', 'weather', { api_5xx: 1 });
    const statuses = new Set();
    for (let n = 0; n < 40; n += 1) statuses.add((await refused(clerk.users.getCount())).status);
    assert.deepEqual([...statuses].sort(), [500, 502, 503]);
  });
});

describe('sessions and tokens', () => {
  let user, session;
  before(async () => {
    user = await newUser();
    session = await clerk.sessions.createSession({ userId: user.id });
  });
  const bearer = (jwt) => new Request(`${app}/`, { headers: { authorization: `Bearer ${jwt}` } });
  const token = async (id, options = {}, query = '') => (await control('POST', `sessions/${id}/tokens${query}`, options)).jwt;

  test('sessions begin, are listed and are revoked', async () => {
    assert.deepEqual([session.status, session.userId], ['active', user.id]);
    assert.ok((await clerk.users.getUser(user.id)).lastSignInAt >= user.createdAt);
    const second = await clerk.sessions.createSession({ userId: user.id });
    const list = await clerk.sessions.getSessionList({ userId: user.id, status: 'active' });
    assert.deepEqual(list.data.map((it) => it.id), [second.id, session.id]);
    assert.equal((await clerk.sessions.revokeSession(second.id)).status, 'revoked');
    assert.equal((await refused(clerk.sessions.getToken(second.id))).status, 404);
    assert.equal((await clerk.sessions.getSession(second.id)).status, 'revoked');
  });

  test('a session token is verified by JWKS and by PEM', async () => {
    const { jwt } = await clerk.sessions.getToken(session.id);
    for (const key of [keys, pem]) {
      const claims = await verifyToken(jwt, { ...key, authorizedParties: [app], issuer: info.issuer });
      assert.deepEqual([claims.sub, claims.sid, claims.v, claims.sts], [user.id, session.id, 2, 'active']);
      assert.deepEqual([claims.exp - claims.iat, claims.iat - claims.nbf, claims.azp], [60, 10, app]);
      assert.equal(claims.email, user.primaryEmailAddress.emailAddress);
      await assert.rejects(verifyToken(jwt, { ...key, authorizedParties: ['https://other.example'] }), {
        reason: 'token-invalid-authorized-parties',
      });
    }
  });

  test('a request is signed in', async () => {
    const { jwt } = await clerk.sessions.getToken(session.id);
    for (const key of [{}, pem]) {
      const state = await clerk.authenticateRequest(bearer(jwt), { ...key, authorizedParties: [app] });
      assert.equal(state.status, 'signed-in', state.reason);
      assert.equal(state.toAuth().userId, user.id);
    }
  });

  test('a pending session is not signed in yet, an impersonated one names the actor', async () => {
    const { id } = await newUser();
    const pending = await control('POST', 'sessions', { user_id: id, pending: true });
    const state = await clerk.authenticateRequest(bearer(await token(pending.id)), pem);
    assert.deepEqual([state.toAuth().userId, state.toAuth({ treatPendingAsSignedOut: false }).userId], [null, id]);
    const actor = { sub: user.id };
    const impersonated = await control('POST', 'sessions', { user_id: id, actor });
    const auth = (await clerk.authenticateRequest(bearer(await token(impersonated.id)), pem)).toAuth();
    assert.deepEqual([auth.userId, auth.actor], [id, actor]);
  });

  test('expired, early and tampered tokens are refused', async () => {
    const now = Math.floor(Date.now() / 1000);
    const reason = async (jwt) => (await clerk.authenticateRequest(bearer(jwt), pem)).reason;
    assert.match(await reason(await token(session.id, { expires_in_seconds: -30 })), /expired/);
    assert.match(await reason(await token(session.id, { issued_at: now + 100 })), /nbf|iat/);
    const [header, payload, signature] = (await token(session.id)).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'user_other' })).toString('base64url');
    assert.equal(await reason(`${header}.${forged}.${signature}`), 'token-invalid-signature');
  });

  test('a template token is no session token', async () => {
    const { jwt } = await clerk.sessions.getToken(session.id, 'service');
    const claims = await verifyToken(jwt, pem);
    assert.deepEqual([claims.aud, claims.mail, claims.sid], ['my-service', user.primaryEmailAddress.emailAddress, undefined]);
    const state = await clerk.authenticateRequest(bearer(jwt), pem);
    assert.deepEqual([state.status, state.reason], ['signed-out', 'token-type-mismatch']);
    assert.equal((await refused(clerk.sessions.getToken(session.id, 'unknown'))).status, 404);
  });

  test('a version 1 token is signed in as well', async () => {
    const state = await clerk.authenticateRequest(bearer(await token(session.id, { version_1: true })), pem);
    assert.equal(state.toAuth().userId, user.id);
  });
});

describe('webhooks', () => {
  const arrivals = new EventEmitter();
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.writeHead(204).end();
    arrivals.emit('webhook', { headers: request.headers, body: Buffer.concat(chunks).toString() });
  });
  const asRequest = ({ headers, body }) => new Request(`${app}/webhook`, { method: 'POST', headers, body });
  const secret = { signingSecret: info.webhook_secret };

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  beforeEach(() => control('PUT', 'webhook', { url: `http://127.0.0.1:${server.address().port}/webhook` }));
  afterEach(() => control('PUT', 'webhook', { url: null }));
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  test('are verified as they arrive, and not when changed', async () => {
    const arriving = once(arrivals, 'webhook');
    const user = await newUser({ publicMetadata: { note: 'ünïcode "quoted" \\ \u2028' } });
    const [webhook] = await arriving;
    const event = await verifyWebhook(asRequest(webhook), secret);
    assert.deepEqual([event.type, event.object, event.instance_id], ['user.created', 'event', info.instance_id]);
    assert.deepEqual([event.data.id, event.data.updated_at], [user.id, user.updatedAt]);
    assert.deepEqual(event.data, (await (await fetch(`${url}/v1/users/${user.id}`, { headers: { authorization: `Bearer ${info.secret_key}` } })).json()));
    assert.match(event.event_attributes.http_request.user_agent, /^@clerk\/backend@3/);

    const changed = { ...webhook, body: webhook.body.replace(user.id, 'user_other') };
    await assert.rejects(verifyWebhook(asRequest(changed), secret));
    const renamed = { ...webhook, headers: { ...webhook.headers, 'svix-id': 'msg_other' } };
    await assert.rejects(verifyWebhook(asRequest(renamed), secret));
    await assert.rejects(verifyWebhook(asRequest(webhook), { signingSecret: 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }));
  });

  test('tell deletions', async () => {
    const { id } = await newUser({ externalId: `deleted-${process.pid}` });
    await control('GET', 'quiet');
    const arriving = once(arrivals, 'webhook');
    await clerk.users.deleteUser(id);
    const event = await verifyWebhook(asRequest((await arriving)[0]), secret);
    assert.equal(event.type, 'user.deleted');
    assert.deepEqual(event.data, { id, object: 'user', deleted: true, external_id: `deleted-${process.pid}` });
  });
});

test('nothing left the machine', () => {
  assert.deepEqual([...connectedTo], ['127.0.0.1']);
});
