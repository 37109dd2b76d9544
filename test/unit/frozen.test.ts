// What hosts have of earlier versions, in test/frozen: this one reads it, knows it for its own, and offers all that those offered. A
// failure here is a host that an update breaks (docs/compatibility.md).

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import type { Command } from 'commander';

import { EncryptedCacheFile } from '../../src/adapters/cache-file/cache-file.ts';
import { CredentialKeyWrapper } from '../../src/adapters/credential/key-wrapper.ts';
import { CertificateStateFiles } from '../../src/adapters/files/certificate-states.ts';
import { DriverHeaderFile } from '../../src/adapters/files/header-file.ts';
import { LastGoodFile } from '../../src/adapters/files/last-good-file.ts';
import { MappingFiles } from '../../src/adapters/files/mapping-file.ts';
import { NameFile } from '../../src/adapters/files/name-file.ts';
import { ReloadDebtFile } from '../../src/adapters/files/reload-debt-file.ts';
import { ReplaceDebtFile } from '../../src/adapters/files/replace-debt-file.ts';
import { SetupDebtFile } from '../../src/adapters/files/setup-debt-file.ts';
import { TokenFiles } from '../../src/adapters/files/token-file.ts';
import { SealedFolder } from '../../src/adapters/sealed/sealed-folder.ts';
import { readConfig } from '../../src/config/load.ts';
import { isPsiCommand } from '../../src/host/command/script.ts';
import { isPsiDefaultDriver } from '../../src/host/default-driver.ts';
import { imageOf, isUnprivileged } from '../../src/host/units/container.ts';
import { otherUnits } from '../../src/host/units/revision.ts';
import { isPsiUnit } from '../../src/host/units/unit-file.ts';
import { markerOf } from '../../src/migrate/marker.ts';
import { isPsiOptions, neededByDelete } from '../../src/registration/driver-command/options.ts';
import { dropInText, isPsiDropIn, secretLines } from '../../src/registration/drop-in.ts';
import { startingConfig } from '../../src/service/starting-config.ts';
import { serviceEnvironment } from '../../src/service/environment.ts';
import { PROVIDER_KINDS } from '../../src/wiring/provider-kinds.ts';
import * as content from '../frozen/content.ts';
import { interfacesOfNow, program, type Interfaces } from '../frozen/interfaces.ts';

const FROZEN = join(import.meta.dirname, '../frozen');
const folders = await readdir(FROZEN, { withFileTypes: true });
const versions = folders.filter((one) => one.isDirectory()).map(({ name }) => name);
const now = await interfacesOfNow();

test('the first version that hosts may have is among them', () => {
  assert.ok(versions.includes('1.0'));
});

for (const version of versions) {
  const read = (name: string): Promise<string> => readFile(join(FROZEN, version, name), 'utf8');

  describe(`of version ${version}`, () => {
    test('the state folder', async (t) => {
      const stateDir = await copyOf(t, join(FROZEN, version, 'state'));
      const { mappings, unusable } = await new MappingFiles({ stateDir }).loadAll();
      assert.deepEqual([new Map([...mappings].sort()), unusable.size], [content.MAPPINGS, 0]);
      assert.deepEqual(await new NameFile({ stateDir }).load(), content.NAMES);
      assert.deepEqual(await new ReplaceDebtFile({ stateDir }).read(), content.REPLACES);
      assert.deepEqual(await new SetupDebtFile({ stateDir }).read(), content.SETUP_OWED);
      assert.equal(await new ReloadDebtFile({ stateDir }).owed(), true);
      assert.deepEqual(await new TokenFiles({ stateDir }).get(content.TOKEN_NAME), content.TOKEN);
      const token = await new DriverHeaderFile({ path: join(stateDir, 'driver.hdr') }).read();
      assert.equal(token?.exposeText(), content.SOCKET_TOKEN);
      assert.deepEqual(await new CertificateStateFiles({ stateDir }).get('web'), content.CERTIFICATE);
    });

    test('what is sealed, by the key of a credential', async (t) => {
      const stateDir = await copyOf(t, join(FROZEN, version, 'state'));
      const place = { name: content.CREDENTIAL, folder: join(FROZEN, version, 'credentials') };
      const recipients = { own: [new CredentialKeyWrapper({ readFile }, place)], recovery: [] };
      const cache = await new EncryptedCacheFile({ recipients }, { path: join(stateDir, 'cache.enc') }).read();
      assert.deepEqual([cache?.writtenAt, cache?.entries.map(plain)], [content.WRITTEN_AT, content.ENTRIES.map(plain)]);
      const value = await new SealedFolder({ recipients }, { stateDir }).read(content.SEALED_NAME);
      assert.equal(value.exposeText(), content.SEALED_VALUE);
    });

    test('the config, as file and as the last good one', async () => {
      const options = { env: {}, uid: 0, kinds: PROVIDER_KINDS };
      const { config, warnings } = await readConfig({
        ...options,
        readFile: () => readFile(join(FROZEN, version, 'config/config.yaml')),
      });
      assert.deepEqual([config.workloads.map(({ name }) => name), warnings], [['myapp', 'worker@'], []]);
      const lastGood = new LastGoodFile({ stateDir: join(FROZEN, version, 'state') });
      const start = await startingConfig({ ...options, readFile: () => Promise.reject(new Error('ENOENT')) }, lastGood);
      assert.deepEqual([start.origin, start.lastGoodProblem], ['last-good', undefined]);
    });

    test('its driver commands, each with the place that it asks', async () => {
      const commands = JSON.parse(await read('host/driver-commands.json')) as Record<string, Record<string, string>>;
      for (const [kind, options] of Object.entries(commands)) {
        assert.ok(isPsiOptions(options), kind);
        const headerFile = kind === 'token' ? content.HEADER_FILE : undefined;
        assert.deepEqual(neededByDelete(options), { socket: content.COMMANDS.socket, headerFile });
      }
    });

    test('its drop-in, whose lines are taken over as they stand', async () => {
      const text = await read('host/app.container.d/50-secrets.conf');
      assert.ok(isPsiDropIn(text));
      const kept = secretLines(text);
      assert.deepEqual([...kept.keys()], ['app--CERT', 'app--DB_HOST']);
      const lines = (drop: string): readonly string[] => drop.split('\n').filter((line) => line.startsWith('Secret='));
      assert.deepEqual(lines(dropInText({ ...content.DROP_IN, secrets: [], kept })), lines(text));
      assert.deepEqual(lines(dropInText(content.DROP_IN)), lines(text), 'the same config gives the same lines');
    });

    test('its units and files of the host are known for its own', async () => {
      const container = await read('host/units/psi.container');
      assert.deepEqual([imageOf(container), isUnprivileged(container)], ['localhost/psi:latest', false]);
      for (const name of await readdir(join(FROZEN, version, 'host/units')))
        assert.ok(isPsiUnit(await read(`host/units/${name}`)), name);
      assert.ok(isPsiDefaultDriver(await read('host/psi.conf')));
      assert.ok(isPsiCommand(await read('host/psi')));
      const marker = markerOf('/etc/psi/migrate.owed', await read('config/migrate.owed'));
      assert.deepEqual(marker, content.MARKER);
    });

    test('this version runs under its units: their commands are there, and their revision is read', async () => {
      const env = Object.fromEntries(
        [...(await read('host/units/psi.container')).matchAll(/^Environment=([A-Z_]+)=(.*)$/gm)].map(
          ([, name = '', value = '']) => [name, value],
        ),
      );
      const { unitsRevision } = serviceEnvironment(env, { pid: 1, ppid: 0 });
      assert.ok(unitsRevision !== undefined && unitsRevision > 0);
      assert.doesNotMatch(otherUnits(unitsRevision, 'system')?.message ?? '', /newer than the image/);
      const asked = new Set<string>();
      for (const name of await readdir(join(FROZEN, version, 'host/units'))) {
        const text = await read(`host/units/${name}`);
        for (const [, words = ''] of text.matchAll(/^ExecStart=podman exec psi psi (.*)$/gm)) asked.add(words);
      }
      assert.deepEqual([...asked].sort(), [
        'cache refresh',
        'infisical tls renew',
        'setup --boot --provider infisical',
      ]);
      for (const words of asked) assertTaken(program(), words.split(' '));
    });

    test('all that it offered is there', async () => {
      const then = JSON.parse(await read('interfaces.json')) as Interfaces;
      for (const [kind, lines] of Object.entries(then)) {
        const there = new Set(now[kind]);
        assert.deepEqual(
          lines.filter((line) => !there.has(line)),
          [],
          `${kind} that are gone`,
        );
      }
    });
  });
}

async function copyOf(t: TestContext, folder: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-frozen-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await cp(folder, dir, { recursive: true });
  return dir;
}

function plain({ mapping, value, fetchedAt, version, literal }: (typeof content.ENTRIES)[number]): unknown {
  return [mapping, value.exposeText(), fetchedAt, version, literal];
}

/** Would the command line read these words, flags and their values included? */
function assertTaken(command: Command, words: readonly string[]): void {
  const [word, ...rest] = words;
  if (word === undefined) return;
  const child = command.commands.find((one) => one.name() === word);
  if (child) {
    assertTaken(child, rest);
    return;
  }
  const flag = command.options.find(({ long }) => long === word);
  assert.ok(flag, `${command.name()} takes no ${word}`);
  assertTaken(command, flag.required ? rest.slice(1) : rest);
}
