import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { quickLookup } from '../../../src/faces/quick-lookup.ts';
import type { LookupDeps } from '../../../src/lookup/lookup.ts';
import { Random } from '../../campaign/random.ts';
import { fetched } from '../../fakes/fetched.ts';
import { ask } from '../../hosts/psi-process.ts';
import { ID, MAPPING, stage } from './driver-stage.ts';

const LINE = `GET /lookup/${ID} HTTP/1.1\r\n`;
const CURL = `${LINE}Host: localhost\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\nx-psi-command: 4\r\n\r\n`;
const HELPER = `${LINE}Host: localhost\r\nConnection: close\r\nUser-Agent: psi-lookup/1\r\nX-Psi-Command: psi-lookup\r\n\r\n`;

test('reads what the commands of a host send', () => {
  assert.deepEqual(quickLookup(CURL), { id: ID, agent: 'curl/8.14.1', authorization: undefined, mark: '4' });
  assert.deepEqual(quickLookup(HELPER), {
    id: ID,
    agent: 'psi-lookup/1',
    authorization: undefined,
    mark: 'psi-lookup',
  });
  const token = CURL.replace('Accept', 'Authorization: Bearer a b\r\nAccept');
  assert.equal(quickLookup(token)?.authorization, 'Bearer a b');
});

for (const [what, text] of [
  ['nothing', ''],
  ['a part of it', CURL.slice(0, -1)],
  ['something behind it', `${CURL}x`],
  ['two of them', CURL + CURL],
  ['another method', CURL.replace('GET', 'HEAD')],
  ['another route', CURL.replace('lookup', 'store')],
  ['a query', CURL.replace(ID, `${ID}?a=b`)],
  ['an id that is written in another way', CURL.replace(ID, '%61')],
  ['no id', CURL.replace(ID, '')],
  ['more of a path', CURL.replace(ID, `${ID}/x`)],
  ['another version', CURL.replace('HTTP/1.1', 'HTTP/1.0')],
  ['no host', CURL.replace('Host: localhost\r\n', '')],
  ['a header twice', CURL.replace('Accept', 'Host: other\r\nAccept')],
  ['a header of a body', CURL.replace('Accept', 'Content-Length: 0\r\nAccept')],
  ['an encoding', CURL.replace('Accept', 'Transfer-Encoding: chunked\r\nAccept')],
  ['an expectation', CURL.replace('Accept', 'Expect: 100-continue\r\nAccept')],
  ['an upgrade', CURL.replace('Accept', 'Upgrade: h2c\r\nAccept')],
  ['a folded line', CURL.replace('*/*', 'a\r\n b')],
  ['a line that ends in a line feed alone', CURL.replace('\r\n', '\n')],
  ['a blank before the colon', CURL.replace('Host:', 'Host :')],
  ['a tab', CURL.replace('*/*', 'a\tb')],
  ['a zero byte', CURL.replace('*/*', 'a\0b')],
  ['a byte that is no ASCII', CURL.replace('*/*', 'a\u00ffb')],
  ['a header without a value', CURL.replace('*/*', '')],
  ['more than a request of a command may be', CURL.replace('*/*', 'x'.repeat(5_000))],
] as const) {
  test(`leaves to node:http a request with ${what}`, () => {
    assert.equal(quickLookup(text), undefined);
  });
}

test('a long line without an end costs no more than its length', () => {
  const begun = performance.now();
  for (const sign of [' ', 'a', ': '])
    assert.equal(quickLookup(CURL.replace('*/*\r\n', sign.repeat(1_800)).trimEnd()), undefined);
  assert.ok(performance.now() - begun < 1_000);
});

test('answers as node:http does, whatever is sent', async () => {
  const [quick, plain] = [await served('value', true), await served('value', false)];
  assert.match(await said(quick, [CURL]), /^HTTP\/1\.1 200 OK\r\n(?!.*\r\nDate)/s);
  const random = new Random(20_261_127);
  for (let turn = 0; turn < 500; turn += 1) {
    const sent = [mutated(random)];
    assert.equal(
      plainly(await said(quick, sent)),
      plainly(await said(plain, sent)),
      `turn ${String(turn)}: ${JSON.stringify(sent)}`,
    );
  }
});

test('a request that comes in two parts has its answer, wherever it was cut', async () => {
  const path = await served('value', true);
  const whole = plainly(await said(path, [CURL]));
  for (let at = 1; at < CURL.length; at += 7) {
    assert.equal(plainly(await said(path, [CURL.slice(0, at), CURL.slice(at)])), whole, `cut at ${String(at)}`);
  }
});

for (const bytes of [0, 1, 16 * 1024, 16 * 1024 + 1, 511_999]) {
  test(`a caller that has said all it has to say gets ${String(bytes)} bytes`, async () => {
    const value = Buffer.alloc(bytes, Buffer.from([0, 255, 13, 10]));
    const answer = Buffer.from(await said(await served(value, true), [CURL]), 'latin1');
    assert.ok(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(value));
  });
}

test('a token that is wrong or missing is refused, and a right one answered', async () => {
  const token = SecretValue.fromText('right');
  const path = await served('value', true, [token]);
  const withToken = (text: string): string => CURL.replace('Accept', `Authorization: Bearer ${text}\r\nAccept`);
  assert.match(await said(path, [CURL]), /^HTTP\/1\.1 401 /);
  assert.match(await said(path, [withToken('wrong')]), /^HTTP\/1\.1 401 /);
  assert.match(await said(path, [withToken('right')]), /^HTTP\/1\.1 200 /);
});

test('a log that fails takes no answer back, and what it failed with is told', async () => {
  const lookup = (): void => {
    throw new Error('no log');
  };
  const { path, errors } = await serving('value', { audit: { lookup } });
  assert.match(await said(path, [CURL]), /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*\r\nvalue$/);
  assert.deepEqual(errors, ['GET lookup INTERNAL']);
});

test('a caller that goes before it has asked leaves nothing behind', async () => {
  const { path, face } = await stage();
  await said(path, []);
  const socket = connect(path);
  await new Promise((done) => socket.once('connect', done));
  socket.destroy();
  await face.stop(60_000);
});

test('a stop ends a connection that sends nothing, when its time is over', async () => {
  const { path, face } = await stage();
  const socket = connect(path);
  const closed = new Promise((done) => socket.once('close', done));
  await new Promise((done) => socket.once('connect', done));
  await face.stop(10);
  await closed;
});

test('a connection that sends nothing is ended in a minute', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { path } = await stage();
  const socket = connect(path);
  const closed = new Promise((done) => socket.once('close', done));
  await new Promise((done) => socket.once('connect', done));
  // The server has to have taken it before time passes: it answers in order.
  await ask(path, 'GET', '/healthz');
  t.mock.timers.tick(30_000);
  assert.equal(socket.readyState, 'open');
  t.mock.timers.tick(30_000);
  await closed;
});

/** Its socket. The value is in memory, as one of the cache. */
async function served(value: string | Buffer, quick: boolean, tokens: readonly SecretValue[] = []): Promise<string> {
  return (await serving(value, { quick, tokens })).path;
}

type Serving = Pick<Parameters<typeof stage>[0] & object, 'quick' | 'tokens' | 'audit'>;

async function serving(value: string | Buffer, options: Serving) {
  const found = {
    fetched: { ...fetched(''), value: new SecretValue(Buffer.from(value)) },
    ageMs: 61_999,
    fresh: true,
  };
  const nothing = (): undefined => undefined;
  const cache: LookupDeps['cache'] = {
    ...{ find: () => found, opening: nothing, whyNot: nothing, learn: nothing, missing: nothing, answered: nothing },
    maxAgeMs: undefined,
  };
  const { tokens: [first] = [] } = options;
  const on = await stage({ ...options, cache });
  const token = first ? { authorization: `Bearer ${first.exposeText()}` } : {};
  assert.equal((await ask(on.path, 'POST', `/store/${ID}`, MAPPING, token)).status, 200);
  return on;
}

/** All that comes back, each byte as one character. */
async function said(path: string, parts: readonly string[]): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  const answer = socket.toArray() as Promise<Buffer[]>;
  for (const part of parts) {
    await new Promise((done) => socket.write(part, 'latin1', done));
    if (part !== parts.at(-1)) await pause(1);
  }
  socket.end();
  return Buffer.concat(await answer).toString('latin1');
}

/** Without what says how and when it was sent. */
function plainly(answer: string): string {
  return answer.replace(/^(?:date|connection|keep-alive): .*\r\n/gim, '');
}

const PIECES: readonly [string, ...string[]] = [
  '',
  '\r\n',
  '\n',
  ' ',
  '\t',
  ':',
  '\0',
  '\u00ff',
  '%61',
  '?x',
  '/',
  'Host: a\r\n',
  'Content-Length: 3\r\n\r\nabc',
  'Connection: close\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Expect: 100-continue\r\n',
  'POST',
  'get',
  'HTTP/1.0',
  CURL,
];

function mutated(random: Random): string {
  let text = random.pick([CURL, HELPER]);
  for (let left = random.below(3); left >= 0; left -= 1) {
    const at = random.below(text.length);
    text = text.slice(0, at) + random.pick(PIECES) + text.slice(at + random.below(3));
  }
  return text;
}
