// PSI and an Infisical double, each a process of its own, and the mappings between them: what most measurements start from.
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { encodeMapping } from '../../src/core/mapping.ts';
import { ask, startPsi, type PsiOptions, type PsiProcess } from '../hosts/psi-process.ts';
import { startChild } from './child.ts';
import type { Stage } from './measurement.ts';

/** Path → key → value. */
export type Folders = Readonly<Record<string, Readonly<Record<string, string>>>>;

export type Knobs = {
  readonly latencyMs?: number;
  readonly limits?: { readonly total: number };
};

export type DoubleProcess = {
  readonly url: string;
  /** Calls so far by kind, logins included. */
  readonly calls: () => Promise<Readonly<Record<string, number>>>;
  readonly turn: (knobs: Knobs) => Promise<void>;
  /** One secret read directly, without PSI. */
  readonly readOnce: (path: string, key: string) => Promise<void>;
  /** One folder listed directly, without PSI. */
  readonly listOnce: (path: string) => Promise<void>;
};

const PROJECT = 'bench-project';
const CREDENTIALS = { clientId: 'bench-host', clientSecret: 'bench-client-secret' };
const DOUBLE = resolve(import.meta.dirname, '../doubles/infisical/main.ts');

export async function startDouble(stage: Stage, folders: Folders): Promise<DoubleProcess> {
  const child = await startChild(stage, DOUBLE);
  const url = child.firstLine;
  const control = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(`${url}/__double/${path}`, { method, ...init });
    if (!response.ok) throw new Error(`the double refused ${method} ${path}: ${await response.text()}`);
    return response;
  };
  await control('POST', 'seed', {
    identities: [CREDENTIALS],
    projects: [{ id: PROJECT, slug: 'bench', environments: ['prod'] }],
    values: { [PROJECT]: { prod: folders } },
  });
  const token = await logIn(url);
  const read = async (what: string, path: string): Promise<void> => {
    const query = new URLSearchParams({ projectId: PROJECT, environment: 'prod', secretPath: path });
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/api/v4/secrets${what}?${query.toString()}`, { headers });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`the double answered ${String(response.status)}`);
  };
  await control('DELETE', 'calls');
  return {
    url,
    readOnce: (path, key) => read(`/${key}`, path),
    listOnce: (path) => read('', path),
    calls: async () => (await (await control('GET', 'counts')).json()) as Readonly<Record<string, number>>,
    turn: async (knobs) => {
      await control('PATCH', 'knobs', knobs);
    },
  };
}

async function logIn(url: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/auth/universal-auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(CREDENTIALS),
  });
  return ((await response.json()) as { readonly accessToken: string }).accessToken;
}

export type PsiStart = {
  readonly double: DoubleProcess;
  readonly command: readonly string[];
  readonly dir?: string;
  readonly podmanSocket?: string;
  readonly workloads?: Readonly<Record<string, unknown>>;
  /** Further keys of the config file's top level. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** With the encrypted cache on, its key a credential: no TPM is needed, and none is measured. */
  readonly cached?: boolean;
  /** Each lookup has a line, also where nobody had to be asked. */
  readonly logged?: boolean;
};

export async function startPsiFor(stage: Stage, options: PsiStart): Promise<PsiProcess> {
  const dir = options.dir ?? (await stage.folder());
  const psi = await startPsi(
    {
      dir,
      podmanSocket: options.podmanSocket ?? join(dir, 'no-podman.sock'),
      apiUrl: options.double.url,
      ...CREDENTIALS,
      projects: { main: { id: PROJECT, environment: 'prod' } },
      workloads: options.workloads ?? {},
      ...(options.config !== undefined && { config: options.config }),
      ...(options.logged === true && { env: { PSI_LOG_LEVEL: 'debug' } }),
      ...(options.cached === true && (await cacheOn(dir))),
    },
    options.command,
  );
  stage.defer(() => psi.stop());
  return psi;
}

async function cacheOn(dir: string): Promise<Pick<PsiOptions, 'config' | 'env'>> {
  const credentials = join(dir, 'credentials');
  await mkdir(credentials, { recursive: true, mode: 0o700 });
  await writeFile(join(credentials, 'psi-cache-key'), randomBytes(32), { mode: 0o600 });
  return { config: { cache: { backend: 'credential' } }, env: { CREDENTIALS_DIRECTORY: credentials } };
}

export type Registered = { readonly id: string; readonly value: string };

export const mappingText = (path: string, key: string): string =>
  encodeMapping({ provider: 'infisical', project: 'main', path, key });

/** Registers every key over the socket, as Podman's store command does: one group for each folder. */
export async function registerAll(psi: PsiProcess, folders: Folders): Promise<readonly (readonly Registered[])[]> {
  let next = 0;
  const groups: Registered[][] = [];
  for (const [path, values] of Object.entries(folders)) {
    const group = Object.entries(values).map(([key, value]) => ({ id: secretId(next++), key, value }));
    const replies = await Promise.all(
      group.map(({ id, key }) => ask(psi.socket, 'POST', `/store/${id}`, mappingText(path, key))),
    );
    const refused = replies.find((reply) => reply.status !== 200);
    if (refused) throw new Error(`psi refused a mapping: ${String(refused.status)} ${refused.body.toString()}`);
    groups.push(group);
  }
  return groups;
}

/** Looks like Podman's: 25 hexadecimal digits. */
export const secretId = (index: number): string => `b${index.toString(16).padStart(24, '0')}`;

export function folder(count: number, value: (index: number) => string): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`KEY_${String(index)}`, value(index)]));
}
