import assert from 'node:assert/strict';
import express from 'express';
import { stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import type { Fetched } from '../../../src/core/fetched.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { driverFace } from '../../../src/faces/driver.ts';
import { listen, listenOnFirst } from '../../../src/faces/listen.ts';
import { HelperUse } from '../../../src/lookup/helper-use.ts';
import { HostCurl } from '../../../src/lookup/host-curl.ts';
import type { OwnBodies } from '../../../src/lookup/driver-store.ts';
import { fetched } from '../../fakes/fetched.ts';
import { placed } from '../../fakes/mapping-store.fake.ts';
import { ask } from '../../hosts/psi-process.ts';
import { ID, MAPPING, stage, undo } from './driver-stage.ts';

for (const [what, bytes] of [
  ['text', Buffer.from('value')],
  ['several lines and a trailing one', Buffer.from('a\nb\n')],
  ['60 KB', Buffer.alloc(60_000, 'x')],
  ['bytes that are no text', Buffer.from([0, 255, 254, 10])],
  ['nothing', Buffer.alloc(0)],
] as const) {
  test(`hands out ${what} byte for byte`, async () => {
    const { path } = await stage({ get: () => Promise.resolve({ ...fetched(''), value: new SecretValue(bytes) }) });
    await ask(path, 'POST', `/store/${ID}`, MAPPING);
    const reply = await ask(path, 'GET', `/lookup/${ID}`);
    assert.deepEqual([reply.status, reply.headers['psi-source'], reply.body.equals(bytes)], [200, 'live', true]);
  });
}

test('says where a value comes from and how many seconds old it is', async () => {
  for (const [source, ageMs, fresh] of [
    ['cache', 61_999, true],
    ['cache', undefined, true],
    ['stale', 7_200_000, false],
    ['stale', undefined, false],
  ] as const) {
    const found = { fetched: fetched('old'), ageMs, fresh };
    const nothing = (): undefined => undefined;
    const cache = {
      find: () => found,
      opening: nothing,
      whyNot: nothing,
      learn: nothing,
      missing: nothing,
      answered: nothing,
      maxAgeMs: undefined,
    };
    // Old values are never at hand: the provider is asked first.
    const { path } = await stage({ cache, get: () => Promise.reject(new PsiError('PROVIDER_DOWN', 'away')) });
    await ask(path, 'POST', `/store/${ID}`, MAPPING);
    const { status, headers, body } = await ask(path, 'GET', `/lookup/${ID}`);
    const seconds = ageMs === undefined ? 'unknown' : String(Math.floor(ageMs / 1000));
    assert.deepEqual(
      [status, headers['psi-source'], headers['psi-age'], body.toString()],
      [200, source, seconds, 'old'],
    );
  }
});

test('tells health with a line for the cache, and 200 whatever that says', async () => {
  const { path } = await stage();
  const { status, body } = await ask(path, 'GET', '/healthz');
  assert.deepEqual([status, JSON.parse(body.toString())], [200, { status: 'ok', cache: 'cache ready, 0 entries' }]);
});

test('stores a mapping and answers with an empty body, because Podman prints it', async () => {
  const { path, store } = await stage();
  const reply = await ask(path, 'POST', `/store/${ID}`, MAPPING, {
    'content-type': 'application/x-www-form-urlencoded',
  });
  assert.deepEqual([reply.status, reply.body.length], [200, 0]);
  assert.equal(placed(store.files.get(ID))?.key, 'DB_HOST');
});

for (const body of ['s3cr3t', '', '{"value":"s3cr3t"}', 'x'.repeat(500_000)]) {
  test(`keeps no plaintext that a stray secret create brings (${String(body.length)} bytes)`, async () => {
    const { path, store } = await stage();
    const reply = await ask(path, 'POST', `/store/${ID}`, body);
    assert.deepEqual([reply.status, reply.headers['psi-code'], store.files.size], [422, 'NOT_A_MAPPING', 0]);
    assert.doesNotMatch(reply.body.toString(), /s3cr3t/);
  });
}

const OWN_BODIES: OwnBodies = {
  takes: () => true,
  most: () => 511_999,
  seals: () => true,
  seal: (id) => Promise.resolve({ provider: 'sealed', name: `podman.${id}` }),
  isOfPodman: (mapping) => 'name' in mapping,
  putAside: () => Promise.resolve(),
  takeBack: () => Promise.resolve(),
};

test('where values are sealed, takes as many bytes as Podman does and not one more, and wipes what came', async () => {
  const sealed: Uint8Array[] = [];
  const seal: OwnBodies['seal'] = (id, value) => {
    sealed.push(value);
    return OWN_BODIES.seal(id, value);
  };
  const { path, store } = await stage({ own: { ...OWN_BODIES, seal } });
  for (const [length, status] of [
    [1, 200],
    [511_999, 200],
    [512_000, 422],
    [0, 422],
  ] as const) {
    assert.equal((await ask(path, 'POST', `/store/${ID}`, 'x'.repeat(length))).status, status, String(length));
  }
  assert.deepEqual(
    sealed.map(({ length }) => length),
    [1, 511_999],
  );
  assert.ok(sealed.every((value) => value.every((byte) => byte === 0)));
  assert.deepEqual(store.files.get(ID), { provider: 'sealed', name: `podman.${ID}` });
});

test('deletes a known id and an unknown one, and refuses the empty one', async () => {
  const { path, store } = await stage();
  await ask(path, 'POST', `/store/${ID}`, MAPPING);
  assert.equal((await ask(path, 'DELETE', `/delete/${ID}`)).status, 200);
  assert.equal(store.files.size, 0);
  assert.equal((await ask(path, 'DELETE', `/delete/${ID}`)).status, 200);
  assert.equal((await ask(path, 'DELETE', '/delete/')).status, 400);
  assert.equal((await ask(path, 'DELETE', '/delete')).status, 400);
});

for (const id of [
  '..',
  '%2e%2e',
  'a%2fb',
  '%2e%2e%2fcache.enc',
  'cache.enc',
  '.token.x.json',
  '%00',
  '%zz',
  'a%0ab',
  '%F0',
  'x'.repeat(10_000),
]) {
  test(`refuses the id ${id.slice(0, 24)} on every route and reaches no file`, async () => {
    const { path, store } = await stage();
    for (const [method, route] of [
      ['GET', 'lookup'],
      ['POST', 'store'],
      ['DELETE', 'delete'],
    ] as const) {
      const reply = await ask(path, method, `/${route}/${id}`, method === 'POST' ? MAPPING : undefined);
      assert.ok(reply.status >= 400 && reply.status < 500, `${method} ${String(reply.status)}`);
    }
    assert.equal(store.writes, 0);
  });
}

test('a failure carries a code and one printable line with the name, the reason and the way out', async () => {
  const { path, errors } = await stage({
    get: () => Promise.reject(new PsiError('PROVIDER_DOWN', 'infisical\nrefused', { hint: 'see the résumé' })),
  });
  await ask(path, 'POST', `/store/${ID}`, MAPPING);
  const reply = await ask(path, 'GET', `/lookup/${ID}`);
  assert.equal(reply.status, 503);
  assert.equal(reply.headers['psi-code'], 'PROVIDER_DOWN');
  assert.equal(reply.headers['psi-hint'], 'myapp--DB_HOST: infisical?refused; hint: see the r?sum?');
  assert.deepEqual(errors, ['GET lookup PROVIDER_DOWN']);
});

test('an unexpected error answers with nothing of its text', async () => {
  const { path } = await stage({ get: () => Promise.reject(new Error('canary')) });
  await ask(path, 'POST', `/store/${ID}`, MAPPING);
  const reply = await ask(path, 'GET', `/lookup/${ID}`);
  assert.equal(reply.status, 500);
  assert.doesNotMatch(`${reply.body.toString()}${JSON.stringify(reply.headers)}`, /canary/);
});

test('lists ids one a line', async () => {
  const { path } = await stage();
  await ask(path, 'POST', `/store/${ID}`, MAPPING);
  assert.equal((await ask(path, 'GET', '/list')).body.toString(), `${ID}\n`);
});

test('with a socket token refuses a missing and a wrong one, and tells health without one', async () => {
  const { path } = await stage({ tokens: [SecretValue.fromText('old'), SecretValue.fromText('new')] });
  assert.equal((await ask(path, 'GET', '/list')).status, 401);
  assert.equal((await ask(path, 'GET', '/list', undefined, { authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await ask(path, 'GET', '/list', undefined, { authorization: 'Bearer old' })).status, 200);
  assert.equal((await ask(path, 'GET', '/list', undefined, { authorization: 'Bearer new' })).status, 200);
  assert.equal((await ask(path, 'GET', '/healthz')).status, 200);
});

test('tells of each request that was refused, once, and never what came with it', async () => {
  const { path, refusals } = await stage({ tokens: [SecretValue.fromText('good')] });
  const token = { authorization: 'Bearer good', 'user-agent': 'curl/8.14.1\tx' };
  await ask(path, 'POST', `/store/${ID}`, 'canary-body', token);
  await ask(path, 'POST', `/store/${ID}`, `canary-body${'x'.repeat(20_000)}`, token);
  await ask(path, 'POST', '/store/a.b%0a', MAPPING, token);
  await ask(path, 'DELETE', '/delete/', undefined, token);
  await ask(path, 'DELETE', `/delete/${ID}`, undefined, { authorization: 'Bearer canary-token' });
  await ask(path, 'GET', `/lookup/${ID}`);
  await ask(path, 'GET', '/nothing', undefined, token);
  // A lookup that fails with its own reason has its own line; what goes well has none here.
  await ask(path, 'GET', `/lookup/${ID}`, undefined, token);
  await ask(path, 'POST', `/store/${ID}`, MAPPING, token);
  assert.deepEqual(
    refusals.map(({ request, id, name, error: { code } }) => [request, id, name, code]),
    [
      ['store', ID, 'myapp--DB_HOST', 'NOT_A_MAPPING'],
      ['store', ID, 'myapp--DB_HOST', 'NOT_A_MAPPING'],
      ['store', 'a.b%0a', undefined, 'BAD_REQUEST'],
      ['delete', '', undefined, 'BAD_REQUEST'],
      ['delete', ID, 'myapp--DB_HOST', 'UNAUTHENTICATED'],
      ['lookup', ID, 'myapp--DB_HOST', 'UNAUTHENTICATED'],
      ['other', undefined, undefined, 'NOT_FOUND'],
    ],
  );
  assert.equal(refusals[0]?.agent, 'curl/8.14.1\\tx');
  assert.doesNotMatch(JSON.stringify(refusals), /canary/);
});

const OWN = { 'x-psi-command': '2', 'user-agent': 'curl/8.14.1' };

test('an answer to the command of psi has no type, and a refusal the reason as its type', async () => {
  const { path, hostCurl } = await stage();
  await ask(path, 'POST', `/store/${ID}`, MAPPING, OWN);
  const good = await ask(path, 'GET', `/lookup/${ID}`, undefined, OWN);
  assert.deepEqual([good.status, good.headers['content-type'], good.body.toString()], [200, undefined, 'value']);
  const foreign = await ask(path, 'GET', `/lookup/${ID}`);
  assert.equal(foreign.headers['content-type'], 'application/octet-stream');
  for (const [method, route] of [
    ['GET', '/lookup/unknown'],
    ['POST', `/store/${ID}`],
    ['DELETE', '/delete/'],
  ] as const) {
    const refused = await ask(path, method, route, undefined, OWN);
    assert.ok(refused.status >= 400);
    assert.deepEqual(
      [refused.headers['content-type'], refused.body.byteLength],
      [`psi: ${String(refused.headers['psi-hint'])}`, 0],
    );
  }
  for (const [method, route] of [
    ['POST', `/store/${ID}`],
    ['DELETE', `/delete/${ID}`],
  ] as const) {
    const done = await ask(path, method, route, method === 'POST' ? MAPPING : undefined, OWN);
    assert.deepEqual([done.status, done.headers['content-type'], done.body.byteLength], [200, undefined, 0]);
  }
  assert.equal(hostCurl.status?.version, '8.14.1');
});

test('a curl that would write into the value gets none by the command of psi, and by a plain one it does', async () => {
  const { path, store, refusals } = await stage();
  const agent = { 'user-agent': 'curl/7.61.1' };
  const own = { ...OWN, ...agent };
  const stored = await ask(path, 'POST', `/store/${ID}`, MAPPING, own);
  assert.deepEqual([stored.status, store.files.size], [502, 0]);
  await ask(path, 'POST', `/store/${ID}`, MAPPING, agent);
  const refused = await ask(path, 'GET', `/lookup/${ID}`, undefined, own);
  assert.match(String(refused.headers['content-type']), /^psi: myapp--DB_HOST: curl 7\.61\.1 .+ update curl/);
  assert.equal((await ask(path, 'GET', `/lookup/${ID}`, undefined, agent)).body.toString(), 'value');
  assert.equal((await ask(path, 'DELETE', `/delete/${ID}`, undefined, own)).status, 200);
  assert.deepEqual(
    refusals.map(({ request }) => request),
    ['store', 'lookup'],
  );
});

test('the socket is open to its owner only', async () => {
  const { path } = await stage();
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('takes over the socket file of a process that died, and never that of a live one', async () => {
  const { path } = await stage();
  const app = driverFace({
    lookup: undefined as never,
    register: undefined as never,
    tokens: () => [],
    mappings: undefined as never,
    hostCurl: new HostCurl({ socket: '/run/psi/psi.sock' }),
    helperUse: new HelperUse(),
    health: () => ({}),
    onRefused: () => undefined,
    onError: () => undefined,
  });
  await assert.rejects(listen(app, { path }), { code: 'CONFLICT', message: /another process serves/ });
  const stale = `${path}.stale`;
  await writeFile(stale, '');
  const face = await listen(app, { path: stale });
  assert.equal((await ask(stale, 'GET', '/healthz')).status, 200);
  await face.stop(0);
});

test('a stop answers what was accepted before it ends', async () => {
  let release: (value: Fetched) => void = () => undefined;
  let asked: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (asked = resolve));
  const { path, face } = await stage({
    get: () => {
      asked();
      return new Promise((resolve) => (release = resolve));
    },
  });
  await ask(path, 'POST', `/store/${ID}`, MAPPING);
  const reply = ask(path, 'GET', `/lookup/${ID}`);
  await started;
  const stopped = face.stop(60_000);
  release(fetched('late'));
  assert.equal((await reply).body.toString(), 'late');
  await stopped;
  await assert.rejects(new Promise((_resolve, reject) => connect(path).once('error', reject)));
});

test('answers 500 lookups made at once', async () => {
  const { path } = await stage();
  await ask(path, 'POST', `/store/${ID}`, MAPPING);
  const replies = await Promise.all(Array.from({ length: 500 }, () => ask(path, 'GET', `/lookup/${ID}`)));
  assert.ok(replies.every((reply) => reply.status === 200 && reply.body.toString() === 'value'));
});

test('words of somebody else are shown as they are, in the header and in the body, and the body says the same', async () => {
  const message = 'no \u202esecret\u2028 \u007f\u200b';
  const { path } = await stage({ get: () => Promise.reject(new PsiError('PROVIDER_DENIED', message)) });
  await ask(path, 'POST', `/store/${ID}`, MAPPING);
  const { body, headers } = await ask(path, 'GET', `/lookup/${ID}`);
  assert.match(body.toString(), /^[\x20-\x7e]+$/);
  assert.match(String(headers['psi-hint']), /^[\x20-\x7e]+$/);
  assert.equal((JSON.parse(body.toString()) as { readonly message: string }).message, message);
});

test('a socket with no token to compare with takes nothing but the question for its health, and says why', async () => {
  const closed = new PsiError('CONFIG_INVALID', 'the socket token cannot be used', { hint: 'make the file' });
  const { path, store } = await stage({ closed });
  for (const [method, route] of [
    ['GET', `/lookup/${ID}`],
    ['GET', '/list'],
    ['POST', `/store/${ID}`],
    ['DELETE', `/delete/${ID}`],
  ] as const) {
    const { status, headers } = await ask(path, method, route, method === 'POST' ? MAPPING : undefined);
    assert.equal(status, 500, route);
    assert.match(String(headers['psi-hint']), /the socket token cannot be used; hint: make the file$/);
  }
  assert.equal(store.files.size, 0);
  assert.equal((await ask(path, 'GET', '/healthz')).status, 200);
});

test('where the first socket cannot be served the next one is, and never beside another process', async () => {
  const { path, face } = await stage();
  const app = express();
  const failed: string[] = [];
  const told = (error: PsiError): number => failed.push(error.message);
  const other = await listenOnFirst(app, [`${path}/below/a/file`, `${path}.other`], told);
  undo.push(() => other.stop(0));
  assert.equal((await stat(`${path}.other`)).isSocket(), true);
  assert.match(failed[0] ?? '', /cannot listen on .*below\/a\/file: ENOTDIR/);
  await assert.rejects(listenOnFirst(app, [path, `${path}.third`], told), { code: 'CONFLICT' });
  await assert.rejects(listenOnFirst(app, [`${path}/a/b`, `${path}/a/b`], told), { code: 'HOST' });
  await face.stop(0);
});
