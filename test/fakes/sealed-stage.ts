// Sealed values on disk under a key in memory, with a Podman in memory that stores through them as it does through psi.service.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SealedFolder, type SealedFolderOptions } from '../../src/adapters/sealed/sealed-folder.ts';
import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { DriverStore } from '../../src/lookup/driver-store.ts';
import { MappingTable } from '../../src/lookup/mapping-table.ts';
import { driverOptions } from '../../src/registration/driver-command/options.ts';
import { SealedControl, type SealedSettings } from '../../src/sealed/control.ts';
import { HostValues } from '../../src/sealed/host-values.ts';
import { SealedValues } from '../../src/sealed/values.ts';
import type { RecoveryRecipient } from '../../src/sealing/recipients.ts';
import { FakeClock } from './clock.fake.ts';
import { FakeHeaderFile } from './header-file.fake.ts';
import { FakeKeyWrapper } from './key-wrapper.fake.ts';
import { FakeMappingStore } from './mapping-store.fake.ts';
import { FakeNameStore } from './name-store.fake.ts';
import { FakePodman } from './podman.fake.ts';
import { FakeSecretRegistry } from './secret-registry.fake.ts';

export const DAY_MS = 86_400_000;
export const OPTIONS = driverOptions({
  socket: '/run/psi/psi.sock',
  maxTimeSeconds: 20,
  headerFile: undefined,
  helper: '/usr/local/libexec/psi/psi-lookup',
});

export type SealedStageOptions = {
  readonly fromPodman?: boolean;
  readonly onStep?: SealedFolderOptions['onStep'];
};

/** A recovery key whose private half is at hand: it wraps by turning each bit. */
export const RECOVERY: RecoveryRecipient = {
  kind: 'recovery',
  parameters: 'age1test',
  wrap: (dataKey) => Promise.resolve(dataKey.expose().map((byte) => byte ^ 0xff)),
};

export async function sealedStage(
  undo: (step: () => Promise<unknown>) => void,
  { fromPodman = true, onStep }: SealedStageOptions = {},
) {
  const stateDir = await mkdtemp(join(tmpdir(), 'sealed-unit-'));
  undo(() => rm(stateDir, { recursive: true, force: true }));
  const keys = new FakeKeyWrapper('tpm');
  const clock = new FakeClock();
  const recipients = { own: [keys], recovery: [RECOVERY] };
  const folderOf = (own: readonly FakeKeyWrapper[]): SealedFolder =>
    new SealedFolder({ recipients: { ...recipients, own } }, { stateDir, ...(onStep && { onStep }) });
  const files = folderOf([keys]);
  const values = new SealedValues({ files, clock }, { keepMs: 7 * DAY_MS });
  const settings: { sealed: SealedSettings | undefined } = {
    sealed: {
      provider: 'sealed',
      values,
      fromPodman,
      files,
      own: [keys],
      recovery: ['age1test'],
      keepDeletedMs: 7 * DAY_MS,
    },
  };
  const mappingStore = new FakeMappingStore();
  const mappings = await MappingTable.load(mappingStore, new FakeNameStore());
  const host = new HostValues({ sealed: () => settings.sealed, blobs: () => new Map() });
  const register = new DriverStore(mappings, undefined, host);
  const podman = new FakePodman({
    driver: { store: (id, body) => register.store(id, body), delete: (id) => register.forget(id) },
  });
  const registry = new FakeSecretRegistry(podman);
  const headerFile = new FakeHeaderFile();
  const reach: { problem: PsiError | undefined } = { problem: undefined };
  const control = new SealedControl({
    sealed: () => settings.sealed,
    mappings,
    registry,
    headerFile,
    commands: () => ({ options: OPTIONS, socketToken: undefined }),
    unreachable: () => Promise.resolve(reach.problem),
  });
  /** As `podman secret create --driver shell`. */
  const create = (name: string, body: Uint8Array | string, replace = false): Promise<string> =>
    podman.create({
      name,
      driver: 'shell',
      options: OPTIONS,
      labels: {},
      body: typeof body === 'string' ? Buffer.from(body) : body,
      replace,
    });
  /** As a lookup: what a container would get. */
  const lookUp = async (id: string): Promise<string | undefined> => {
    const mapping = mappings.get(id);
    if (mapping === undefined || 'key' in mapping) return undefined;
    return (await host.read(mapping))?.exposeText();
  };
  const text = (value: string): SecretValue => SecretValue.fromText(value);
  return {
    ...{ stateDir, keys, clock, files, folderOf, values, settings, mappingStore, mappings, host, register },
    ...{ podman, registry, headerFile, reach, control, create, lookUp, text },
  };
}
