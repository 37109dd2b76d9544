// A source against an Infisical double, both on one clock that stands still. Not a test itself.
import { AnswersInFlight } from '../../../src/provider/answers-in-flight.ts';
import type { SecretField } from '../../../src/core/secret-field.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { createConnection, type Connection, type ConnectionDeps } from '../../../src/adapters/infisical/connection.ts';
import { createInfisicalSource } from '../../../src/adapters/infisical/source.ts';
import { PsiError } from '../../../src/core/error.ts';
import type { ListedSecret, SecretSource } from '../../../src/provider/secret-source.ts';
import type { StoredToken, TokenStore } from '../../../src/provider/token-store.ts';
import { startInfisicalDouble } from '../../doubles/infisical/infisical-double.ts';
import type { InfisicalDouble, InfisicalDoubleOptions } from '../../doubles/infisical/infisical-double.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';

export const CLIENT_SECRET = 'canary-client-secret-7d31f0';
export const PROD = { project: 'project-1', environment: 'prod' } as const;
export const ROOT = { project: 'main', path: '/' } as const;

/** A secret-valued field that a stage fills. */
export const at = (path: string): SecretField => ({ kind: 'file', path });

export type StageOptions = {
  readonly double?: InfisicalDoubleOptions;
  readonly source?: Partial<ConnectionDeps>;
  /** Another server than the double. */
  readonly apiUrl?: string;
};

export type Stage = {
  readonly double: InfisicalDouble;
  readonly clock: FakeClock;
  readonly tokens: MemoryTokens;
  readonly source: SecretSource;
  /** Another process on the same state folder. */
  readonly restart: (more?: Partial<ConnectionDeps>) => SecretSource;
  /** The same, and what it stands on. */
  readonly connect: (more?: Partial<ConnectionDeps>) => Connection;
  /** What `client_secret` resolves to; empty: to nothing. */
  credential: string;
  readonly stop: () => Promise<void>;
};

export class MemoryTokens implements TokenStore {
  readonly files = new Map<string, StoredToken>();
  broken = false;

  get(name: string): Promise<StoredToken | undefined> {
    return this.#attempt(() => this.files.get(name));
  }

  put(name: string, token: StoredToken): Promise<void> {
    return this.#attempt(() => void this.files.set(name, token));
  }

  remove(name: string): Promise<void> {
    return this.#attempt(() => void this.files.delete(name));
  }

  #attempt<T>(work: () => T): Promise<T> {
    return this.broken ? Promise.reject(new PsiError('HOST', 'the disk is full')) : Promise.resolve(work());
  }
}

export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const clock = new FakeClock();
  const double = await startInfisicalDouble({ now: () => clock.now(), ...options.double });
  double.state.addIdentity({ clientId: 'client-1', clientSecret: CLIENT_SECRET });
  double.state.addProject({ id: PROD.project });
  double.state.addProject({ id: 'project-2' });
  const tokens = new MemoryTokens();
  const auth = {
    method: 'universal-auth',
    clientId: 'client-1',
    clientSecret: at('the field'),
    organization: undefined,
  } as const;
  const open: { close: () => void }[] = [];
  const connect: Stage['connect'] = (more = {}) => {
    const connection = createConnection({
      apiUrl: options.apiUrl ?? double.url,
      verifySsl: true,
      caCert: undefined,
      proxy: undefined,
      apiVersion: 'auto',
      headers: new Map(),
      userAgent: 'psi/test',
      token: { ttlMs: undefined },
      projects: new Map([
        ['main', { id: PROD.project, environment: 'prod', auth }],
        ['other', { id: 'project-2', environment: 'prod', auth }],
      ]),
      clock,
      tokenStore: tokens,
      answers: new AnswersInFlight().upTo(1 << 26),
      bootId: () => Promise.resolve('this boot'),
      env: {},
      resolveSecret: () =>
        stage.credential === ''
          ? Promise.reject(new PsiError('CONFIG_INVALID', 'the credential does not exist'))
          : Promise.resolve(SecretValue.fromText(stage.credential)),
      ...options.source,
      ...more,
    });
    open.push(connection);
    return connection;
  };
  const restart: Stage['restart'] = (more) => createInfisicalSource(connect(more));
  const stage: Stage = {
    double,
    clock,
    tokens,
    credential: CLIENT_SECRET,
    restart,
    connect,
    get source() {
      return (first ??= restart());
    },
    stop: async () => {
      for (const connection of open) connection.close();
      await double.close();
    },
  };
  let first: SecretSource | undefined;
  return stage;
}

/** For calls that are answered at once: longer than any of them may take. */
export const patient = (): AbortSignal => AbortSignal.timeout(7_000);

export async function read(
  source: SecretSource,
  key: string,
  place: { project: string; path: string } = ROOT,
): Promise<string> {
  return (await source.get({ ...place, key }, patient())).value.exposeText();
}

export function list(
  source: SecretSource,
  place: { project: string; path: string } = ROOT,
  options: { readonly recursive?: boolean; readonly values?: boolean } = {},
): Promise<readonly ListedSecret[]> {
  return source.list(place, { recursive: false, values: true, ...options, signal: patient() });
}

/** Key, or path and key below the listed folder, to value; undefined: hidden or not asked for. */
export function shown(secrets: readonly ListedSecret[], below = '/'): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    secrets.map(({ key, path, fetched }) => [path === below ? key : `${path} ${key}`, fetched?.value.exposeText()]),
  );
}
