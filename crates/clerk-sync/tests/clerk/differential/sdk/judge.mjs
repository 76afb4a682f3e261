// Clerk's own backend SDK judges what it is given: a line of settings, then one line for each case; one verdict a line.
import { createInterface } from 'node:readline';

import { createClerkClient, verifyToken } from '@clerk/backend';
import { verifyWebhook } from '@clerk/backend/webhooks';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const settings = JSON.parse((await lines.next()).value);
Date.now = () => settings.now_ms;

const parties = { authorizedParties: [settings.origin] };
const clerk = createClerkClient({
  secretKey: 'sk_live_b2ZmbGluZS5jbGVyay5leGFtcGxlLmtleQ',
  publishableKey: settings.publishable_key,
  jwtKey: settings.pem,
});

// What both sides must agree on once both accept. Other texts than plain ones are told differently by each.
const plain = (text) => (typeof text === 'string' && /^[ -~]*$/.test(text) ? text : 'not plain');
const changes = new Set(['user.created', 'user.updated', 'user.deleted']);
const token = (claims) => ({
  sub: plain(claims.sub),
  sid: plain(claims.sid),
  pending: claims.sts === 'pending',
  impersonated: claims.act !== undefined && claims.act !== null,
});

const judges = {
  pem: async ({ text }) => token(await verifyToken(text, { ...parties, jwtKey: settings.pem, issuer: settings.issuer })),
  jwks: async ({ text }) =>
    token(
      await verifyToken(text, {
        ...parties,
        secretKey: 'sk_live_b2ZmbGluZS5jbGVyay5leGFtcGxlLmtleQ',
        apiUrl: settings.jwks_url,
        issuer: settings.issuer,
      }),
    ),
  header: async ({ text }) => {
    const request = new Request('https://app.example.com/me', { headers: { authorization: text } });
    const state = await clerk.authenticateRequest(request, parties);
    if (state.status !== 'signed-in') throw Object.assign(new Error(state.message), { reason: state.reason });
    return token(state.toAuth({ treatPendingAsSignedOut: false }).sessionClaims);
  },
  delivery: async ({ headers, body }) => {
    const request = new Request('https://app.example.com/webhooks/clerk', {
      method: 'POST',
      headers: headers.map(([name, value]) => [name, Buffer.from(value, 'base64').toString('latin1')]),
      body: Buffer.from(body, 'base64'),
    });
    const event = await verifyWebhook(request, { signingSecret: settings.webhook_secret });
    return { type: plain(event.type), user: changes.has(event.type) ? plain(event.data?.id) : null };
  },
};

// The SDK logs each refused webhook.
console.error = () => {};
for await (const line of lines) {
  const test = JSON.parse(line);
  let verdict;
  try {
    verdict = { accepts: await judges[test.by](test) };
  } catch (error) {
    verdict = { refuses: String(error?.reason ?? error?.code ?? error?.message ?? error).slice(0, 80) };
  }
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
}
