// Freezes this version: writes what it leaves on a host into the folder that is named after it, once, when it is released. What is there is
// never written anew: it is what hosts have.
//
//   sh scripts/node test/frozen/write.ts

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import manifest from '../../package.json' with { type: 'json' };
import { EncryptedCacheFile } from '../../src/adapters/cache-file/cache-file.ts';
import { CredentialKeyWrapper } from '../../src/adapters/credential/key-wrapper.ts';
import { CertificateStateFiles } from '../../src/adapters/files/certificate-states.ts';
import { DriverHeaderFile } from '../../src/adapters/files/header-file.ts';
import { MappingFiles } from '../../src/adapters/files/mapping-file.ts';
import { NameFile } from '../../src/adapters/files/name-file.ts';
import { ReloadDebtFile } from '../../src/adapters/files/reload-debt-file.ts';
import { ReplaceDebtFile } from '../../src/adapters/files/replace-debt-file.ts';
import { SetupDebtFile } from '../../src/adapters/files/setup-debt-file.ts';
import { TokenFiles } from '../../src/adapters/files/token-file.ts';
import { SealedFolder } from '../../src/adapters/sealed/sealed-folder.ts';
import { placesOf } from '../../src/config/places.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import { commandPlaces } from '../../src/host/command/places.ts';
import { hostCommandText } from '../../src/host/command/script.ts';
import { defaultDriverText } from '../../src/host/default-driver.ts';
import { hostFolders, type HostLayout } from '../../src/host/layout.ts';
import { hostUnits } from '../../src/host/units/service.ts';
import { DEFAULT_IMAGE } from '../../src/host/units/container.ts';
import { markerText } from '../../src/migrate/marker.ts';
import { driverOptions } from '../../src/registration/driver-command/options.ts';
import { dropInText } from '../../src/registration/drop-in.ts';
import { SERVED } from '../fakes/provider.fake.ts';
import * as content from './content.ts';
import { interfacesOfNow } from './interfaces.ts';

const TREE = join(import.meta.dirname, '../..');
const [major = '', minor = ''] = manifest.version.split('.');
const folder = join(import.meta.dirname, `${major}.${minor}`);
const stateDir = join(folder, 'state');

async function put(name: string, text: string | Uint8Array): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

async function writeState(): Promise<void> {
  const mappings = new MappingFiles({ stateDir });
  for (const [id, mapping] of content.MAPPINGS) await mappings.put(id, mapping);
  await new NameFile({ stateDir }).save(content.NAMES);
  await new ReplaceDebtFile({ stateDir }).write(content.REPLACES);
  await new SetupDebtFile({ stateDir }).write(content.SETUP_OWED);
  await new ReloadDebtFile({ stateDir }).owe();
  await new TokenFiles({ stateDir }).put(content.TOKEN_NAME, content.TOKEN);
  const token = SecretValue.fromText(content.SOCKET_TOKEN);
  await new DriverHeaderFile({ path: join(stateDir, 'driver.hdr') }).write(token);
  await new CertificateStateFiles({ stateDir }).put('web', content.CERTIFICATE);
  await put(`credentials/${content.CREDENTIAL}`, content.CREDENTIAL_BYTES);
  const place = { name: content.CREDENTIAL, folder: join(folder, 'credentials') };
  const recipients = { own: [new CredentialKeyWrapper({ readFile }, place)], recovery: [] };
  const cache = new EncryptedCacheFile({ recipients }, { path: join(stateDir, 'cache.enc') });
  await cache.write({ entries: content.ENTRIES, writtenAt: content.WRITTEN_AT });
  const value = SecretValue.fromText(content.SEALED_VALUE);
  await new SealedFolder({ recipients }, { stateDir }).write(content.SEALED_NAME, value, content.WRITTEN_AT);
}

async function writeHost(): Promise<void> {
  const plain = driverOptions({ ...content.COMMANDS, headerFile: undefined });
  const token = driverOptions({ ...content.COMMANDS, headerFile: content.HEADER_FILE });
  await put('host/driver-commands.json', json({ plain, token }));
  await put('host/psi.conf', defaultDriverText(plain));
  await put('host/app.container.d/50-secrets.conf', dropInText(content.DROP_IN));
  await put('host/psi', hostCommandText(LAYOUT, commandPlaces(LAYOUT)));
  for (const { name, text } of hostUnits(LAYOUT, { image: DEFAULT_IMAGE, unprivileged: false, pcscd: true }))
    await put(`host/units/${name}`, text);
}

const LAYOUT: HostLayout = {
  scope: 'system',
  ...placesOf({ PSI_IN_IMAGE: '1' }, 0),
  ...hostFolders('system', {}, 0),
  ...SERVED,
  ...{ caFiles: [], secretFiles: [], credentials: ['infisical-client-secret'], textfileDir: undefined, tls: undefined },
  cache: {
    backends: ['credential'],
    tpmDevice: undefined,
    credential: content.CREDENTIAL,
    path: '/var/lib/psi/cache.enc',
  },
  hsmToken: false,
  refresh: { intervalMs: 3_600_000, randomizedDelayMs: 300_000 },
};

await mkdir(folder);
await writeState();
await writeHost();
const example = join(TREE, 'docs/config.example.yaml');
for (const name of ['config/config.yaml', 'state/config.last-good']) {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await cp(example, join(folder, name));
}
await put('config/migrate.owed', markerText(content.MARKER));
await put('interfaces.json', json(await interfacesOfNow()));
