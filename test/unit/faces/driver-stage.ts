// A driver face on a socket of its own, its parts real but for what stands in for disk, provider and time.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { secretId } from '../../../src/core/naming.ts';
import type { PsiError } from '../../../src/core/error.ts';
import type { Fetched } from '../../../src/core/fetched.ts';
import type { SecretValue } from '../../../src/core/secret-value.ts';
import { driverFace, driverQuick, type DriverDeps } from '../../../src/faces/driver.ts';
import { listen } from '../../../src/faces/listen.ts';
import type { RefusalEvent } from '../../../src/lookup/audit-log.ts';
import { Lookup, type LookupDeps } from '../../../src/lookup/lookup.ts';
import { HelperUse } from '../../../src/lookup/helper-use.ts';
import { HostCurl } from '../../../src/lookup/host-curl.ts';
import { MappingTable } from '../../../src/lookup/mapping-table.ts';
import { DriverStore, type OwnBodies } from '../../../src/lookup/driver-store.ts';
import { BatchedReader } from '../../../src/lookup/batching.ts';
import { StatusBoard } from '../../../src/lookup/status.ts';
import { FakeClock } from '../../fakes/clock.fake.ts';
import { fetched } from '../../fakes/fetched.ts';
import { FakeMappingStore } from '../../fakes/mapping-store.fake.ts';
import { FakeNameStore } from '../../fakes/name-store.fake.ts';

export const ID = secretId('d0a530acce22815a7778d156f');
export const MAPPING = '{"provider":"infisical","project":"p","path":"/myapp","key":"DB_HOST"}';

export const undo: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});

type StageOptions = {
  readonly get?: () => Promise<Fetched>;
  readonly tokens?: readonly SecretValue[];
  readonly closed?: PsiError;
  readonly cache?: LookupDeps['cache'];
  readonly own?: OwnBodies;
  readonly audit?: LookupDeps['audit'];
  /** False: node:http reads every connection. */
  readonly quick?: boolean;
};

export async function stage(options: StageOptions = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'psi-http-'));
  undo.push(() => rm(dir, { recursive: true, force: true }));
  const store = new FakeMappingStore();
  const mappings = await MappingTable.load(store, new FakeNameStore());
  mappings.learnNames([{ id: ID, name: 'myapp--DB_HOST' }]);
  const clock = new FakeClock();
  const source = {
    get: options.get ?? (() => Promise.resolve(fetched('value'))),
    list: () => Promise.reject(new Error('not asked')),
  };
  const reader = new BatchedReader(
    { source, clock, countBeside: () => 1, known: () => undefined },
    { batchWindowMs: 2_000 },
  );
  const errors: string[] = [];
  const refusals: RefusalEvent[] = [];
  const hostCurl = new HostCurl({ socket: '/run/psi/psi.sock' });
  const helperUse = new HelperUse();
  const deps: DriverDeps = {
    lookup: new Lookup({
      mappings,
      clock,
      status: new StatusBoard({ clock, mappings, version: '0' }),
      readerOf: () => reader,
      cache: options.cache,
      timeoutMs: () => 5_000,
      audit: options.audit ?? { lookup: () => undefined },
    }),
    register: new DriverStore(mappings, undefined, options.own),
    tokens: () => options.tokens ?? [],
    closed: () => options.closed,
    mappings,
    hostCurl,
    helperUse,
    health: () => ({ cache: 'cache ready, 0 entries' }),
    onRefused: (event) => refusals.push(event),
    onError: (error, route) => errors.push(`${route} ${error.code}`),
  };
  const path = join(dir, 'psi.sock');
  const face = await listen(driverFace(deps), { path }, options.quick === false ? undefined : driverQuick(deps));
  undo.push(() => face.stop(0));
  return { path, face, store, errors, refusals, hostCurl, helperUse };
}
