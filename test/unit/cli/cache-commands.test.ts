// `psi cache …` and `psi hsm …` as people and scripts see them: what stands on which stream, as JSON, and the exit status.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { run } from '../../../src/cli/run.ts';
import { defaultConfig } from '../../../src/config/load.ts';
import { ControlClient } from '../../../src/faces/control/client.ts';
import type { CacheReport } from '../../../src/cache/control.ts';
import type { KeyReport } from '../../../src/sealing/key-report.ts';
import type { Failure } from '../../../src/core/failure.ts';
import { fakeTerminal, type FakeTerminal } from '../../fakes/terminal.fake.ts';

/** Answers every request with the same, and notes what was asked. */
class FakeClient extends ControlClient {
  readonly asked: string[] = [];
  readonly #answer: unknown;
  readonly #events: readonly unknown[];

  constructor(answer: unknown, events: readonly unknown[] = []) {
    super(['/nowhere']);
    this.#answer = answer;
    this.#events = events;
  }

  override get(path: string): Promise<string> {
    this.asked.push(`GET ${path}`);
    return Promise.resolve(JSON.stringify(this.#answer));
  }

  override post(path: string, body: unknown): Promise<string> {
    this.asked.push(`POST ${path} ${JSON.stringify(body)}`);
    return Promise.resolve(JSON.stringify(this.#answer));
  }

  override async *stream(path: string): AsyncGenerator {
    this.asked.push(`POST ${path}`);
    for (const event of this.#events) yield await Promise.resolve(event);
  }
}

type Printed = Omit<FakeTerminal, 'terminal'> & {
  /** Runs `psi` against a service that is played by `client`. */
  readonly psi: (client: ControlClient, ...argv: readonly string[]) => Promise<number>;
};

function printed(): Printed {
  const { terminal, out, errors } = fakeTerminal();
  const psi = (client: ControlClient, ...argv: readonly string[]): Promise<number> =>
    run(argv, {
      terminal,
      version: '1',
      loadConfig: () => Promise.resolve(defaultConfig({ env: {}, uid: 0 })),
      defaultConfig: () => defaultConfig({ env: {}, uid: 0 }),
      lastGoodConfig: () => Promise.resolve(undefined),
      formatIssues: (issues) => Promise.resolve([`${String(issues.length)} issues`]),
      compose: () => Promise.reject(new Error('nothing is composed for this')),
      connect: () => client,
    });
  return { psi, out, errors };
}

/** What a command with `--json` printed. */
function envelopes(out: readonly string[]): readonly unknown[] {
  return out.map((line) => JSON.parse(line) as unknown);
}

const AWAY: Failure = {
  code: 'KEY_UNAVAILABLE',
  message: 'no TPM answers',
  hint: 'look at `ls -l /dev/tpmrm0`',
};
const KEY: KeyReport = {
  backend: 'tpm',
  device: 'device:/dev/tpmrm0',
  checks: [{ name: 'bound to', found: 'PCR 7 (sha256)', problem: null }],
  problem: null,
};
const REPORT: CacheReport = {
  backends: ['tpm'],
  state: 'ready',
  entries: 12,
  expired: 0,
  ageUnknown: 0,
  oldestAgeSeconds: 7200,
  maxAgeSeconds: null,
  savedAt: '2026-11-24T10:00:00.000Z',
  unsaved: false,
  answers: { live: 12, held: 0, cache: 40, stale: 0 },
  problem: null,
  setAside: null,
  missing: 0,
  keys: [KEY],
  recipients: [],
  verified: null,
};

describe('psi cache status', () => {
  it('is a few lines for people', async () => {
    const { psi, out, errors } = printed();
    assert.equal(await psi(new FakeClient(REPORT), 'cache', 'status'), 0);
    assert.deepEqual(out, [
      'cache: ready (tpm), 12 entries, the oldest 2 h old',
      'answers: 40 from the cache, 12 live, 0 from a listing held, 0 stale',
      'saved: 2026-11-24T10:00:00.000Z',
      'tpm: device:/dev/tpmrm0',
      '  bound to: PCR 7 (sha256)',
    ]);
    assert.deepEqual(errors, []);
  });

  it('says what is old, unsaved, missing, set aside and wrong', async () => {
    const { psi, out, errors } = printed();
    const problem = { since: '2026-11-24T09:00:00.000Z', reason: 'absent', ...AWAY };
    const report: CacheReport = {
      ...REPORT,
      state: 'locked',
      expired: 3,
      maxAgeSeconds: 86_400,
      savedAt: null,
      unsaved: true,
      missing: 2,
      setAside: '/var/lib/psi/cache.enc.bad',
      problem,
      keys: [{ ...KEY, checks: [], problem: AWAY }],
    };
    assert.equal(await psi(new FakeClient(report), 'cache', 'status'), 0, 'lookups go on: no failure');
    assert.deepEqual(out, [
      'cache: locked (tpm), 12 entries, the oldest 2 h old, 3 older than max_age, not all of it saved yet',
      'problem since 2026-11-24T09:00:00.000Z: no TPM answers',
      'hint: look at `ls -l /dev/tpmrm0`',
      'answers: 40 from the cache, 12 live, 0 from a listing held, 0 stale',
      'saved: never',
      'max_age: 24 h',
      'set aside: /var/lib/psi/cache.enc.bad, which could not be read',
      'missing: 2 registered secrets are not cached; `podman exec psi psi cache refresh` fetches them',
      'tpm: device:/dev/tpmrm0',
    ]);
    assert.deepEqual(errors, ['error: no TPM answers', 'hint: look at `ls -l /dev/tpmrm0`']);
  });

  const written = '2026-11-24T10:00:00.000Z';
  for (const [what, verified, exit, line] of [
    [
      'a file that opens',
      { ok: true, entries: 12, writtenAt: written },
      0,
      `verified: the file of ${written} opens and holds 12 entries`,
    ],
    ['no file yet', { ok: true, entries: 0, writtenAt: null }, 0, 'verified: there is no file yet'],
    ['a key that is away', { ok: false, failure: AWAY }, 69, 'error: no TPM answers'],
    ['a broken file', { ok: false, failure: { ...AWAY, code: 'CACHE_CORRUPT' } }, 65, 'error: no TPM answers'],
  ] as const) {
    it(`--verify exits ${String(exit)} for ${what}`, async () => {
      const { psi, out, errors } = printed();
      const client = new FakeClient({ ...REPORT, verified });
      assert.equal(await psi(client, 'cache', 'status', '--verify'), exit);
      assert.deepEqual(client.asked, ['GET /cache?verify=true']);
      assert.ok([...out, ...errors].includes(line));
    });
  }

  it('--json prints the report as it came in its envelope, and exits the same', async () => {
    const { psi, out, errors } = printed();
    const report = { ...REPORT, verified: { ok: false, failure: { ...AWAY, code: 'CACHE_CORRUPT' } } };
    assert.equal(await psi(new FakeClient(report), 'cache', 'status', '--verify', '--json'), 65);
    const envelope = { format: 1, command: 'cache status', exit: 65, result: report, failure: null };
    assert.deepEqual([envelopes(out), errors], [[envelope], []]);
  });

  it('says that the cache is off, which only --verify takes for a failure', async () => {
    const { psi, out } = printed();
    assert.equal(await psi(new FakeClient(null), 'cache', 'status'), 0);
    assert.equal(await psi(new FakeClient(null), 'cache', 'status', '--verify', '--json'), 69);
    const envelope = { format: 1, command: 'cache status', exit: 69, result: null, failure: null };
    assert.deepEqual([out[0], ...envelopes(out.slice(-1))], ['cache: off', envelope]);
  });
});

describe('psi cache refresh', () => {
  const listing = { event: 'listing', workload: 'myapp', project: 'p', path: '/myapp' };
  const refreshed = (report: unknown): readonly unknown[] => [listing, { event: 'refreshed', report }];
  const outage = {
    cache: { saved: false, entries: null, reason: 'nothing could be listed, so it was left as it is', hint: null },
    failures: [{ workload: 'myapp', message: 'infisical is away', hint: 'wait' }],
    exit: 75,
  };

  it('says what was saved and dropped', async () => {
    const { psi, out, errors } = printed();
    const report = { cache: { saved: true, entries: 12, dropped: 1 }, failures: [], exit: 0 };
    assert.equal(await psi(new FakeClient(null, refreshed(report)), 'cache', 'refresh'), 0);
    assert.deepEqual([out, errors], [['cache: 12 entries saved, 1 dropped'], []]);
  });

  it('exits 75 in an outage, with the reason of each workload', async () => {
    const { psi, out, errors } = printed();
    assert.equal(await psi(new FakeClient(null, refreshed(outage)), 'cache', 'refresh'), 75);
    assert.deepEqual(out, ['cache: not saved: nothing could be listed, so it was left as it is']);
    assert.deepEqual(errors, ['error: myapp: infisical is away', 'hint: wait']);
  });

  it('--json is one object, an error of the service included', async () => {
    const { psi, out, errors } = printed();
    assert.equal(await psi(new FakeClient(null, refreshed(outage)), 'cache', 'refresh', '--json'), 75);
    const failed = [{ event: 'error', failure: AWAY, exit: 70 }];
    assert.equal(await psi(new FakeClient(null, failed), 'cache', 'refresh', '--json'), 70);
    const command = 'cache refresh';
    assert.deepEqual(envelopes(out), [
      { format: 1, command, exit: 75, result: outage, failure: null },
      { format: 1, command, exit: 70, result: null, failure: AWAY },
    ]);
    assert.deepEqual(errors, []);
  });

  it('is no failure while the cache is off: the timer may be there first', async () => {
    const { psi, out } = printed();
    assert.equal(await psi(new FakeClient(null, refreshed(null)), 'cache', 'refresh'), 0);
    assert.equal(out[0], 'cache: off, nothing to refresh');
  });

  it('fails when the service ends its answer without a report', async () => {
    const { psi, errors } = printed();
    assert.equal(await psi(new FakeClient(null, [listing]), 'cache', 'refresh'), 69);
    assert.match(errors.join('\n'), /^error: the service ended its answer without a report\nhint: /);
  });
});

describe('psi cache invalidate', () => {
  it('says how many were dropped', async () => {
    const { psi, out } = printed();
    const client = new FakeClient({ named: 3, dropped: 2 });
    assert.equal(await psi(client, 'cache', 'invalidate', 'myapp'), 0);
    assert.equal(await psi(client, 'cache', 'invalidate', 'myapp', '--json'), 0);
    assert.equal(client.asked[0], 'POST /cache/invalidate {"name":"myapp"}');
    assert.deepEqual(out, [
      'dropped 2 of 3 from the cache; the next lookup asks the provider',
      '{"format":1,"command":"cache invalidate","exit":0,"result":{"named":3,"dropped":2},"failure":null}',
    ]);
  });
});

describe('psi cache init', () => {
  for (const [what, configured, inUse, next] of [
    ['is in use', true, true, ['next: podman exec psi psi cache refresh']],
    [
      'is configured, but the service runs without it',
      true,
      false,
      ['next: psi systemd install', 'next: systemctl daemon-reload'],
    ],
    [
      'is not configured',
      false,
      false,
      ['next: put this into /etc/psi/config.yaml:', '  cache:', '    enabled: true', '    backend: tpm'],
    ],
  ] as const) {
    it(`says what is next where the backend ${what}`, async () => {
      const { psi, out } = printed();
      const client = new FakeClient({ key: KEY, configured, inUse, configFile: '/etc/psi/config.yaml' });
      assert.equal(await psi(client, 'cache', 'init', '--backend', 'tpm'), 0);
      assert.deepEqual(out.slice(2, 2 + next.length), next);
      assert.equal(out.at(-1), 'next: podman exec psi psi cache refresh');
    });
  }
});

describe('psi hsm', () => {
  const report: KeyReport = {
    backend: 'hsm',
    device: null,
    checks: [
      { name: 'module', found: '/usr/lib/p11.so', problem: null },
      { name: 'ready', found: 'no', problem: AWAY },
    ],
    problem: null,
  };

  it('exits 1 when one check fails, which stands on stderr', async () => {
    const { psi, out, errors } = printed();
    const client = new FakeClient(report);
    assert.equal(await psi(client, 'hsm', 'preflight', '--login'), 1);
    assert.deepEqual(client.asked, ['POST /hsm/preflight {"login":true}']);
    assert.deepEqual(out, ['  module: /usr/lib/p11.so', '  ready: no']);
    assert.deepEqual(errors, ['error: no TPM answers', 'hint: look at `ls -l /dev/tpmrm0`']);
  });

  it('exits 0 and says so when all is in order', async () => {
    const { psi, out } = printed();
    const client = new FakeClient({ ...report, checks: [] });
    assert.equal(await psi(client, 'hsm', 'init'), 0);
    assert.equal(await psi(client, 'hsm', 'status'), 0);
    assert.equal(await psi(client, 'hsm', 'status', '--json'), 0);
    assert.deepEqual(client.asked, ['POST /hsm/init {"login":false}', 'GET /hsm', 'GET /hsm']);
    assert.deepEqual(out.slice(0, 2), ['logged in', 'in order']);
  });
});
