// A whole setup on fakes: Podman with its driver callbacks into a mapping table, drop-ins, header file, and one source.

import { driverOptions } from '../../../src/registration/driver-command/options.ts';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { whyOfPsi } from '../../../src/host/units/of-psi.ts';
import type { SecretSpec, Workload } from '../../../src/core/workload.ts';
import type { WorkloadPattern } from '../../../src/core/workload-pattern.ts';
import type { ListedSecret, SecretSource } from '../../../src/provider/secret-source.ts';
import { SecretCache } from '../../../src/cache/cache.ts';
import { HostCurl } from '../../../src/lookup/host-curl.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import { DriverStore, type Staying } from '../../../src/lookup/driver-store.ts';
import type { SetupEvent, SetupReport } from '../../../src/registration/setup-events.ts';
import { WorkloadsByPattern } from '../../../src/registration/pattern.ts';
import { Replaces } from '../../../src/registration/replaces.ts';
import { Setup } from '../../../src/registration/setup.ts';
import type { SetupRequest } from '../../../src/registration/setup-run.ts';
import { FakeCacheFile } from '../../fakes/cache-file.fake.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { fetched } from '../../fakes/fetched.ts';
import { FakeDropInStore } from '../../fakes/drop-in-store.fake.ts';
import { FakeHeaderFile } from '../../fakes/header-file.fake.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';
import { FakePodman } from '../../fakes/podman.fake.ts';
import { FakeReplaceDebt } from '../../fakes/replace-debt.fake.ts';
import { FakeSecretRegistry } from '../../fakes/secret-registry.fake.ts';
import { FakeQuadlets } from '../../fakes/quadlets.fake.ts';
import { foldersIn } from '../../fakes/secret-source.fake.ts';
import { FakeReloadDebt } from '../../fakes/reload-debt.fake.ts';
import { FakeUnitManager } from '../../fakes/unit-manager.fake.ts';
import { NO_HELPER } from '../../hosts/driver-command.ts';

export const INPUT = {
  socket: '/run/psi/psi.sock',
  maxTimeSeconds: 20,
  headerFile: undefined,
  helper: NO_HELPER,
};

export const OPTIONS = driverOptions(INPUT);

export function workload(name: string, ...secrets: readonly Partial<SecretSpec>[]): Workload {
  const spec: SecretSpec = {
    project: 'p',
    path: `/${name}`,
    recursive: false,
    include: [],
    exclude: [],
    prefix: '',
    as: 'env',
    mode: undefined,
    allowEmpty: false,
  };
  const sources = secrets.length === 0 ? [{}] : secrets;
  return {
    name,
    provider: 'infisical',
    unit: `${name}.container`,
    dependsOn: [],
    secrets: sources.map((over) => ({ ...spec, ...over })),
  };
}

/** Folders of one project: path → key → value; `null` is a hidden value. */
export type Folders = Record<string, Record<string, string | null>>;

export type StageOptions = {
  readonly version?: string;
  readonly cache?: true;
  /** What an earlier process left. */
  readonly debt?: FakeReplaceDebt;
  /** By the name of the provider, beside `infisical`. */
  readonly sources?: ReadonlyMap<string, SecretSource>;
};

export async function setupStage(options: StageOptions = {}) {
  const mappingStore = new FakeMappingStore();
  const mappings = await MappingTable.load(mappingStore, new FakeNameStore());
  const reach: { problem: PsiError | undefined } = { problem: undefined };
  const staying: Staying = { holds: (id) => replaces.holds(id) };
  const register = new DriverStore(mappings, staying);
  const podman = new FakePodman({
    ...options,
    driver: { store: (id, body) => register.store(id, body), delete: (id) => register.forget(id) },
  });
  const registry = new FakeSecretRegistry(podman);
  const clock = new FakeClock();
  const dropIns = new FakeDropInStore();
  const units = new FakeUnitManager();
  const reloadDebt = new FakeReloadDebt();
  const headerFile = new FakeHeaderFile();
  const debt = options.debt ?? new FakeReplaceDebt();
  const unreachable = (): Promise<PsiError | undefined> => Promise.resolve(reach.problem);
  const replaces = await Replaces.begin({ registry, mappings, debt, headerFile, unreachable });
  const hostCurl = new HostCurl({ socket: '/run/psi/psi.sock' });
  const folders: Folders = {};
  const failures: PsiError[] = [];
  const calls: string[] = [];
  const source: SecretSource = {
    folders: ({ path }) => {
      calls.push(`folders ${path}`);
      const failure = failures.shift();
      return failure ? Promise.reject(failure) : Promise.resolve(foldersIn(path, Object.keys(folders)));
    },
    list: (place, { values, recursive }) => {
      calls.push(`${place.path}${values ? '' : ' names'}`);
      const failure = failures.shift();
      if (failure) return Promise.reject(failure);
      const paths = Object.keys(folders).filter(
        (path) => path === place.path || (recursive && path.startsWith(`${place.path}/`)),
      );
      const secrets = paths.flatMap((path) =>
        Object.entries(folders[path] ?? {}).map(([key, value]): ListedSecret => ({
          key,
          path,
          fetched: value === null ? undefined : fetched(value, clock),
        })),
      );
      return Promise.resolve(secrets);
    },
    get: ({ path, key }) => {
      calls.push(`${path} ${key}`);
      const failure = failures.shift();
      if (failure) return Promise.reject(failure);
      const value = folders[path]?.[key];
      if (value === undefined) return Promise.reject(new PsiError('NOT_FOUND', `no secret ${key}`));
      if (value === null) return Promise.reject(new PsiError('VALUE_HIDDEN', `the value of ${key} is hidden`));
      return Promise.resolve(fetched(value, clock));
    },
  };
  const cacheFile = new FakeCacheFile();
  const log = { opened: () => undefined, problem: () => undefined, recovered: () => undefined };
  const cache = new SecretCache({ file: cacheFile, backends: ['tpm'], clock, log }, { maxAgeMs: undefined });
  const quadlets = new FakeQuadlets();
  /** By unit: what its quadlet keeps from working; a rejection where nobody can read it. */
  const doubts = new Map<string, readonly string[]>();
  const setup = new Setup({
    registry,
    replaces,
    mappings,
    dropIns,
    quadlets,
    doubts: {
      of: (unit) => (doubts.has('fail') ? Promise.reject(new Error('fail')) : Promise.resolve(doubts.get(unit) ?? [])),
    },
    units,
    reloadDebt,
    headerFile,
    hostCurl,
    clock,
    cache: options.cache === true ? cache : undefined,
  });
  const patterns = new WorkloadsByPattern({ quadlets, dropIns, mappings, clock, ofPsi: whyOfPsi });
  const target = {
    workloads: [] as Workload[],
    pattern: undefined as WorkloadPattern | undefined,
    options: OPTIONS,
    socketToken: undefined as SecretValue | undefined,
  };
  const events: SetupEvent[] = [];
  const sourceOf = (name: string): SecretSource | undefined =>
    name === 'infisical' ? source : options.sources?.get(name);
  const run = async (
    some: Partial<SetupRequest> = {},
    signal: AbortSignal = new AbortController().signal,
  ): Promise<SetupReport> => {
    const request = { provider: undefined, workload: undefined, dryRun: false, ...some };
    const emit = (event: SetupEvent): void => void events.push(event);
    const named = { ...target, sourceOf };
    const byPattern = await patterns.resolve(named, request, emit, signal);
    const workloads = [...target.workloads, ...byPattern.workloads];
    return setup.run({ ...named, workloads, byPattern }, request, emit, signal);
  };
  return {
    run,
    target,
    patterns,
    folders,
    failures,
    calls,
    events,
    podman,
    registry,
    debt,
    reach,
    replaces,
    mappings,
    mappingStore,
    dropIns,
    quadlets,
    doubts,
    units,
    reloadDebt,
    headerFile,
    hostCurl,
    clock,
    cache,
    source,
    cacheFile,
  };
}

/** `action target` of every change, in order. */
export function changes(report: SetupReport): readonly string[] {
  return report.changes.map(({ action, target }) => (target === null ? action : `${action} ${target}`));
}
