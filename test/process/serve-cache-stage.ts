// PSI as a process with its cache on, an Infisical double with one folder, and what tests ask of the two. Which backend is the test's choice.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { answerOf } from '../hosts/answer.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { ask, startPsi, type PsiOptions, type PsiProcess, type Reply } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';

const CREDENTIALS = { clientId: 'cache-host', clientSecret: 'canary-client-secret-cache' };
const PROJECT = 'cache-project';
export const KEYS = ['A', 'B', 'C'] as const;
const FOLDER = { A: 'canary-value-a', B: 'canary-value-b', C: 'canary-value-c' };

/** Where the double keeps these. */
export const FOLDER_ADDRESS = { project: PROJECT, environment: 'prod', path: '/myapp' } as const;

export type CacheStage = {
  readonly infisical: InfisicalDouble;
  readonly options: PsiOptions;
  readonly start: (env?: Readonly<Record<string, string>>) => Promise<PsiProcess>;
  readonly cacheFile: string;
};

export type CacheStageOptions = {
  /** `cache:` of the config. */
  readonly cache: Readonly<Record<string, unknown>>;
  /** Other top-level keys of the config. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What /myapp holds; each test registers what it needs of it. */
  readonly folder?: Readonly<Record<string, string>>;
};

export async function cacheStage(
  t: TestContext,
  { cache, config = {}, folder = FOLDER }: CacheStageOptions,
): Promise<CacheStage> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-cache-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  const infisical = await startInfisicalDouble({
    seed: {
      identities: [CREDENTIALS],
      projects: [{ id: PROJECT, environments: ['prod'] }],
      values: { [PROJECT]: { prod: { '/myapp': folder } } },
    },
  });
  t.after(() => infisical.close());
  const options: PsiOptions = {
    dir,
    podmanSocket: join(dir, 'no-podman.sock'),
    apiUrl: infisical.url,
    ...CREDENTIALS,
    projects: { p: { id: PROJECT, environment: 'prod' } },
    workloads: { myapp: { secrets: [{ project: 'p', path: '/myapp' }] } },
    config: { ...config, cache },
  };
  const start = async (env: Readonly<Record<string, string>> = {}): Promise<PsiProcess> => {
    const psi = await startPsi({ ...options, env }, PSI_UNDER_TEST);
    t.after(() => psi.kill());
    return psi;
  };
  return { infisical, options, start, cacheFile: join(dir, 'state', 'cache.enc') };
}

export const idOf = (key: string): string => Buffer.from(key).toString('hex').padStart(25, '0');

/** As Podman's store command would, which these tests have no Podman for. */
export async function register(psi: PsiProcess, keys: readonly string[] = KEYS): Promise<void> {
  for (const key of keys) {
    const mapping = JSON.stringify({ provider: 'infisical', project: 'p', path: '/myapp', key });
    assert.equal((await ask(psi.socket, 'POST', `/store/${idOf(key)}`, mapping)).status, 200);
  }
}

export const lookup = (psi: PsiProcess, key: string): Promise<Reply> => ask(psi.socket, 'GET', `/lookup/${idOf(key)}`);

/** A line for each key, in order: where its value came from and the value, or the code of the failure. */
export async function answers(psi: PsiProcess, keys: readonly string[] = KEYS): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const key of keys) {
    const { status, headers, body } = await lookup(psi, key);
    lines.push(status === 200 ? `${String(headers['psi-source'])} ${body.toString()}` : String(headers['psi-code']));
  }
  return lines;
}

/** What `answers` says when all came from there. */
export const from = (source: string): readonly string[] => KEYS.map((key) => `${source} ${FOLDER[key]}`);

export type Status = {
  readonly state: string;
  readonly entries: number;
  readonly oldestAgeSeconds: number | null;
  readonly missing: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly problem: { readonly reason: string; readonly message: string; readonly hint: string } | null;
  readonly verified: { readonly ok: boolean; readonly entries?: number } | null;
  readonly setAside: string | null;
};

export async function statusOf(psi: PsiProcess, ...flags: readonly string[]): Promise<Status> {
  return answerOf((await psi.cli('cache', 'status', '--json', ...flags)).stdout) as Status;
}

/** The file is read after the start: until then lookups race it against the provider. */
export async function untilOpened(psi: PsiProcess): Promise<Status> {
  for (;;) {
    const status = await statusOf(psi);
    if (status.state !== 'opening') return status;
  }
}

export async function filled(it: Pick<CacheStage, 'start'>): Promise<PsiProcess> {
  const psi = await it.start();
  await register(psi);
  const { code, stdout, stderr } = await psi.cli('cache', 'refresh');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^cache: 3 entries saved$/m);
  return psi;
}
