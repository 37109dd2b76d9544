// The double's knobs: outages, malformed answers, injected failures, TLS, the control routes and the runnable main.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get as httpsGet } from 'node:https';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CLIENT, DEV, LIST, startSample } from '../doubles/infisical/sample.ts';
import { ask, at, startTalk } from '../doubles/infisical/talk.ts';
import { makeTestAuthority } from '../doubles/infisical/test-authority.ts';
import type { InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import type { Talk } from '../doubles/infisical/talk.ts';

async function arrival(double: InfisicalDouble): Promise<void> {
  while (double.count('list') === 0) await nextTurn();
}

describe('outages', () => {
  let double: InfisicalDouble;
  let talk: Talk;

  beforeEach(async () => {
    double = await startSample({ controlPort: 0 });
    talk = await startTalk(double.url, CLIENT);
  });
  afterEach(() => double.close());

  test('refuses connections and comes back at the same address', async () => {
    const { url } = double;
    await double.refuseConnections();
    await assert.rejects(talk.get(LIST), (error: Error) => at(error.cause, 'code') === 'ECONNREFUSED');
    await double.acceptConnections();
    assert.equal(double.url, url);
    assert.equal((await talk.get(LIST)).status, 200);
  });

  test('can be told to refuse and to accept from another process', async () => {
    const turn = (outage: string) => ask(double.controlUrl, 'PATCH', '/__double/knobs', undefined, { outage });
    assert.equal((await turn('refuse')).status, 200);
    await assert.rejects(talk.get(LIST));
    assert.equal((await turn('none')).status, 200);
    assert.equal((await talk.get(LIST)).status, 200);
  });

  test('never answers while it hangs, and close() ends what hangs', async () => {
    double.knobs.set({ outage: 'hang', only: ['list'] });
    const hung = assert.rejects(talk.get(LIST));
    await arrival(double);
    assert.equal((await ask(double.url, 'GET', '/api/status')).status, 200);
    await double.close();
    await hung;
    assert.equal(double.calls.find(({ kind }) => kind === 'list')?.status, 0);
  });

  test('holds an answer back for the latency set', async () => {
    double.knobs.set({ latencyMs: 3_600_000 });
    const late = assert.rejects(talk.get(LIST));
    await arrival(double);
    await double.close();
    await late;
  });

  test('resets connections', async () => {
    double.knobs.set({ outage: 'reset' });
    await assert.rejects(talk.get(LIST), /fetch failed/);
  });

  test("answers every call with a status when told to, in a proxy's HTML for 502 and 503", async () => {
    double.knobs.set({ status: 500 });
    const internal = await talk.get(LIST);
    assert.deepEqual([internal.status, at(internal.body, 'error')], [500, 'InternalServerError']);
    double.knobs.set({ status: 503 });
    assert.match(String((await talk.get(LIST)).body), /<h1>503/);
  });

  test('fails the next calls of a kind and then recovers', async () => {
    double.knobs.failNext(2, { status: 429, body: 'slow down', contentType: 'text/plain', only: ['list'] });
    const statuses = [await talk.get(LIST), await talk.get('/api/status'), await talk.get(LIST), await talk.get(LIST)];
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [429, 200, 429, 200],
    );
  });

  test('gives malformed answers of each sort', async () => {
    const answerOf = async (malformed: 'html' | 'truncated' | 'wrong-shape' | 'empty') => {
      double.knobs.set({ malformed });
      const { status, body } = await talk.get(LIST);
      assert.equal(status, 200);
      return body;
    };
    assert.match(String(await answerOf('html')), /^<!DOCTYPE html>/);
    assert.equal(typeof (await answerOf('truncated')), 'string');
    assert.equal(Array.isArray(at(await answerOf('wrong-shape'), 'secrets')), false);
    assert.equal(await answerOf('empty'), '');
    double.knobs.set({ malformed: 'cut-off' });
    await assert.rejects(talk.get(LIST));
  });

  test('empties lists but not gets', async () => {
    double.knobs.set({ emptyLists: true });
    assert.deepEqual(at((await talk.get(LIST)).body, 'secrets'), []);
    assert.equal((await talk.get('/api/v4/secrets/DB_HOST?projectId=project-1&environment=dev')).status, 200);
  });

  test('answers a malformed path and a malformed body as Fastify would', async () => {
    assert.equal((await talk.get('/api/v4/secrets/%E0%A4%A')).status, 400);
    const init = { method: 'POST', headers: { 'content-type': 'application/json', connection: 'close' } };
    const login = `${double.url}/api/v1/auth/universal-auth/login`;
    assert.equal((await fetch(login, { ...init, body: '{' })).status, 500);
    assert.equal((await fetch(login, init)).status, 500);
    assert.equal((await fetch(login, { ...init, body: '{}' })).status, 422);
  });
});

describe('control over HTTP', () => {
  test('changes secrets, counts calls and refuses what it does not understand without repeating it', async () => {
    const double = await startSample();
    try {
      const control = (method: string, path: string, body?: object) =>
        ask(double.url, method, `/__double${path}`, undefined, body);
      assert.equal((await control('PUT', '/secrets', { ...DEV, key: 'K', value: 'v' })).status, 204);
      const talk = await startTalk(double.url, CLIENT);
      const secret = await talk.get('/api/v4/secrets/K?projectId=project-1&environment=dev');
      assert.equal(at(secret.body, 'secret', 'secretValue'), 'v');
      assert.deepEqual((await control('GET', '/counts')).body, { login: 1, get: 1 });
      const refused = await control('PUT', '/secrets', { ...DEV, key: 7, value: 'canary' });
      assert.equal(refused.status, 400);
      assert.doesNotMatch(JSON.stringify(refused.body), /canary/);
      assert.equal((await control('POST', '/revoke-tokens')).status, 204);
      assert.equal((await talk.get(LIST)).status, 401);
      assert.equal((await control('DELETE', '/secrets', { ...DEV, key: 'K' })).status, 204);
      assert.equal((await control('DELETE', '/secrets', { ...DEV, key: 'K' })).status, 404);
    } finally {
      await double.close();
    }
  });
});

describe('TLS', () => {
  const statusOver = (url: string, ca?: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const request = httpsGet(`${url}/api/status`, { ca, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.once('error', reject);
    });

  test('is trusted by those who know its authority, and by nobody else', async () => {
    const { ca, server } = await makeTestAuthority();
    const double = await startSample({ tls: server });
    try {
      assert.equal(await statusOver(double.url, ca), 200);
      await assert.rejects(statusOver(double.url), (error: Error) => {
        return at(error, 'code') === 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
      });
    } finally {
      await double.close();
    }
  });
});

describe('the runnable double', () => {
  test('serves its seed, prints its URL and stops on SIGTERM', async () => {
    const seed = {
      identities: [CLIENT],
      projects: [{ id: 'project-1' }],
      values: { 'project-1': { dev: { '/app': { DB_HOST: 'seeded' } } } },
    };
    const main = fileURLToPath(new URL('../doubles/infisical/main.ts', import.meta.url));
    const child = spawn(process.execPath, [main], {
      env: { PORT: '0', SEED: JSON.stringify(seed) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
      const talk = await startTalk(url, CLIENT);
      const { body } = await talk.get(`${LIST}&secretPath=/app`);
      assert.equal(at(body, 'secrets', 0, 'secretValue'), 'seeded');
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual(await exited, [0, null]);
  });
});
