// The units PSI runs under. `UPDATE_GOLDEN=1` rewrites quadlet/ and test/golden/units/ from the rendering.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import { looksFor } from '../../../src/certificates/looks.ts';
import { DEFAULT_IMAGE, imageOf } from '../../../src/host/units/container.ts';
import { hostFolders } from '../../../src/host/layout.ts';
import type { HostLayout } from '../../../src/host/layout.ts';
import { otherUnits, REVISION_LINE, UNITS_REVISION } from '../../../src/host/units/revision.ts';
import { hostUnits, type HostUnitOptions } from '../../../src/host/units/service.ts';
import { isPsiUnit } from '../../../src/host/units/unit-file.ts';
import { SERVED } from '../../fakes/provider.fake.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const NONE = {
  ...SERVED,
  caFiles: [],
  secretFiles: [],
  credentials: [],
  cache: undefined,
  tls: undefined,
  textfileDir: undefined,
  hsmToken: false,
  refresh: { intervalMs: 3_600_000, randomizedDelayMs: 300_000 },
};

const SYSTEM: HostLayout = { scope: 'system', ...placesOf({}, 0), ...hostFolders('system', {}, 0), ...NONE };

const USER_ENV = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000' };
const USER: HostLayout = {
  scope: 'user',
  ...placesOf(USER_ENV, 1000),
  ...hostFolders('user', USER_ENV, 1000),
  ...NONE,
};

const BUSY: HostLayout = {
  ...SYSTEM,
  configFile: '/srv/psi/psi.yaml',
  caFiles: ['/etc/pki/tls/certs/ca-bundle.crt', '/srv/psi/ca.pem'],
  secretFiles: ['/srv/tokens/infisical', '/token'],
  credentials: ['infisical-client-secret', 'psi-socket-token'],
  cache: { backends: ['tpm'], tpmDevice: '/dev/tpmrm0', credential: 'psi-cache-key', path: '/srv/cache/psi.enc' },
  refresh: { intervalMs: 5_400_000, randomizedDelayMs: 1_500 },
  textfileDir: '/var/lib/prometheus/node-exporter',
  hsmToken: false,
  tls: {
    outputs: [
      '/etc/pki/tls/certs/web.pem',
      '/etc/pki/tls/private/web.key',
      '/srv/psi/tls/db.pem',
      '/var/lib/psi/x.pem',
    ],
    looks: looksFor(2 * 86_400_000),
  },
};

const KEPT = { tpmDevice: undefined, credential: 'psi-cache-key', path: '/var/lib/psi/cache.enc' };
const HSM: HostLayout = { ...SYSTEM, cache: { backends: ['hsm'], ...KEPT } };
const CREDENTIAL: HostLayout = { ...SYSTEM, cache: { backends: ['credential'], ...KEPT } };

const PLAIN = { image: DEFAULT_IMAGE, unprivileged: false, pcscd: false };

function textOf(layout: HostLayout, name: string, options: HostUnitOptions = PLAIN): string {
  return hostUnits(layout, options).find((unit) => unit.name === name)?.text ?? '';
}

async function matches(folder: string, layout: HostLayout, options: HostUnitOptions): Promise<readonly string[]> {
  const dir = join(ROOT, folder);
  const units = hostUnits(layout, options);
  for (const { name, text } of units) {
    if (process.env['UPDATE_GOLDEN'] === '1') {
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, name), text);
    }
    assert.equal(await readFile(join(dir, name), 'utf8'), text, `${folder}/${name}`);
  }
  return units.map(({ name }) => name);
}

describe('a host whose units are not those of the image', () => {
  it('is told so, with the command that renders them; one without units is not', () => {
    assert.equal(otherUnits(undefined, 'system'), undefined);
    assert.equal(otherUnits(UNITS_REVISION, 'system'), undefined);
    const found = otherUnits(0, 'system');
    assert.match(found?.message ?? '', /older than the image/);
    assert.match(found?.hint ?? '', /podman run .* systemd install --enable`, then `systemctl restart psi\.socket`/);
    assert.match(otherUnits(0, 'user')?.hint ?? '', /systemctl --user/);
    const newer = otherUnits(UNITS_REVISION + 1, 'system');
    const [theirs, ours] = [String(UNITS_REVISION + 1), String(UNITS_REVISION)];
    assert.match(
      newer?.message ?? '',
      new RegExp(`newer than the image: revision ${theirs}, and this psi renders ${ours}$`),
    );
    assert.match(newer?.hint ?? '', /start the newer image again, or run `podman run .* systemd install --enable`/);
  });
});

describe('units of psi', () => {
  it('are what quadlet/ ships, for the default config', async () => {
    const names = await matches('quadlet', SYSTEM, { ...PLAIN, pcscd: true });
    const shipped = (await readdir(join(ROOT, 'quadlet'))).filter((name) =>
      /\.(container|socket|service|timer)$/.test(name),
    );
    assert.deepEqual(shipped.sort(), [...names].sort());
  });

  it('name the paths of a user by specifiers in user scope', async () => {
    await matches('test/golden/units/user', USER, PLAIN);
  });

  it('mount what the config refers to, and load its credentials', async () => {
    await matches('test/golden/units/references', BUSY, {
      image: 'registry.example.com:5000/team/psi:1.2@sha256:ab',
      unprivileged: true,
      pcscd: false,
    });
  });

  it('give each of several backends what it wants, in the order of the config', () => {
    const cache = { ...KEPT, backends: ['tpm', 'hsm', 'credential'], tpmDevice: '/dev/tpmrm0' } as const;
    const layout: HostLayout = { ...SYSTEM, cache };
    const container = textOf(layout, 'psi.container', { ...PLAIN, unprivileged: true });
    for (const line of [
      'AddDevice=-/dev/tpmrm0',
      'Volume=/run/pcscd:/run/pcscd',
      'Environment=PSI_CACHE_KEY_DIRECTORY=/run/psi-cache-key',
      'ExecStartPre=-mkdir -p /run/pcscd',
    ]) {
      assert.ok(container.split('\n').includes(line), line);
    }
    assert.match(container, /^After=.*pcscd\.socket pcscd\.service psi-cache-key\.service/m);
    assert.notEqual(textOf(layout, 'psi-cache-key.service'), '');
  });

  it('give an HSM its smart card daemon', async () => {
    await matches('test/golden/units/hsm', HSM, PLAIN);
  });

  it('give the token of the Python PSI the same, once, whatever the cache is on', () => {
    const volume = (layout: HostLayout): number =>
      textOf(layout, 'psi.container', PLAIN).split('Volume=/run/pcscd:/run/pcscd').length - 1;
    assert.deepEqual([SYSTEM, HSM].map(volume), [0, 1]);
    assert.deepEqual(
      [SYSTEM, HSM].map((layout) => volume({ ...layout, hsmToken: true })),
      [1, 1],
    );
  });

  it('let systemd decrypt the key of the cache in a unit whose failure does not stop psi', async () => {
    const names = await matches('test/golden/units/credential', CREDENTIAL, PLAIN);
    assert.ok(names.includes('psi-cache-key.service'));
    const container = textOf(CREDENTIAL, 'psi.container');
    assert.doesNotMatch(container, /^LoadCredential/m);
    assert.doesNotMatch(container, /^(?:Requires|BindsTo)=.*psi-cache-key/m);
  });

  it("have the system's systemd decrypt a user's credentials: his own loads none before 258", () => {
    const layout = { ...USER, cache: CREDENTIAL.cache };
    for (const [unit, folder, name] of [
      ['psi-credential@.service', 'psi-credentials', '%i'],
      ['psi-cache-key.service', 'psi-cache-key', 'psi-cache-key'],
    ] as const) {
      const text = textOf(layout, unit);
      assert.doesNotMatch(text, /^LoadCredential/m);
      const command = `systemd-creds decrypt --user --name=${name} %h/.config/credstore.encrypted/${name} - `;
      assert.ok(text.includes(command) && text.includes(` %t/${folder}/${name}'`), text);
    }
    assert.match(textOf(layout, 'psi.container'), /^Volume=%t\/psi-cache-key:\/run\/psi-cache-key:ro$/m);
  });

  it('never order psi after what workloads wait for', () => {
    for (const layout of [SYSTEM, USER, BUSY]) {
      const after = (name: string): readonly string[] => [
        ...new Set(
          [...textOf(layout, name).matchAll(/^(?:After|Requires|Wants|BindsTo)=(.*)$/gm)].flatMap((line) =>
            (line[1] ?? '').split(' '),
          ),
        ),
      ];
      const credentials = layout.credentials.map((name) => `psi-credential@${name}.service`);
      const remote = layout === BUSY ? ['remote-fs.target'] : [];
      assert.deepEqual(after('psi.socket'), []);
      assert.deepEqual(after('psi.container'), ['psi.socket', 'podman.socket', ...credentials, ...remote]);
      assert.deepEqual(after('psi-infisical-setup.service'), ['psi.service', 'network-online.target']);
    }
  });

  it('carry the mark by which they are known again, and the image that was chosen', () => {
    const [, container] = hostUnits(SYSTEM, { ...PLAIN, image: 'quay.io/x/psi:2' });
    assert.ok(container !== undefined && isPsiUnit(container.text));
    assert.equal(imageOf(container.text), 'quay.io/x/psi:2');
    assert.equal(isPsiUnit('[Container]\nImage=x\n'), false);
  });

  it('mount the folders of certificates writable, each once, and make them', () => {
    const outputs = ['/etc/psi/a.pem', '/srv/tls/a.key', '/srv/tls/below/chain.pem'];
    const container = textOf({ ...SYSTEM, tls: { outputs, looks: looksFor(Infinity) } }, 'psi.container');
    assert.match(container, /^Volume=\/etc\/psi:\/etc\/psi$/m);
    assert.match(container, /^ExecStartPre=-timeout -s KILL 2 mkdir -p \/srv\/tls$/m);
    assert.match(container, / sh \/srv\/tls:\/srv\/tls \/usr\/local\/libexec\/psi:\/host\/psi-helper:rw$/m);
    assert.equal(container.match(/\/srv\/tls:/g)?.length, 1);
  });

  it('make nothing that psi needs only to ask the provider a condition of its start', () => {
    for (const [layout, unprivileged] of [BUSY, HSM, CREDENTIAL, USER].flatMap((one) => [
      [one, false] as const,
      [one, true] as const,
    ])) {
      const text = textOf(layout, 'psi.container', { ...PLAIN, unprivileged });
      assert.doesNotMatch(text, /^(?:Load|Set|Import)Credential/m);
      assert.doesNotMatch(text, /^(?:BindsTo|Requisite|PartOf|ConditionPath\w+|AssertPath\w+|RequiresMountsFor)=/m);
      assert.deepEqual(
        [...text.matchAll(/^Requires=(.*)$/gm)].map((line) => line[1]),
        ['psi.socket'],
      );
      for (const [, command = ''] of text.matchAll(/^Exec(?:StartPre|StartPost|Condition|StopPost)=(.*)$/gm))
        assert.match(command, /^-/);
      for (const [, device = ''] of text.matchAll(/^AddDevice=(.*)$/gm)) assert.match(device, /^-/);
      // Whatever podman must find is made first.
      const made = [...text.matchAll(/^ExecStartPre=-mkdir -p (?:-m 0700 )?(.*)$/gm)].flatMap((line) =>
        (line[1] ?? '').split(' '),
      );
      for (const [, source = ''] of text.matchAll(/^Volume=([^:]+):/gm)) assert.ok(made.includes(source), source);
    }
  });

  it('have another revision where hosts have to install them anew', async () => {
    const lines = [SYSTEM, USER, BUSY, HSM, CREDENTIAL].flatMap((layout) =>
      hostUnits(layout, { ...PLAIN, pcscd: true }).flatMap(({ name, text }) => [name, ...text.split('\n')]),
    );
    const told = lines.filter((line) => line !== '' && !line.startsWith('#') && line !== REVISION_LINE);
    const digest = createHash('sha256').update(told.join('\n')).digest('hex');
    const recorded = `revision ${String(UNITS_REVISION)}: ${digest}\n`;
    const file = join(ROOT, 'test/golden/units/revision.txt');
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, recorded);
    assert.equal(
      await readFile(file, 'utf8'),
      recorded,
      'raise UNITS_REVISION if a release had the units as they were',
    );
  });

  it('decrypt each credential of the config in a unit of its own', () => {
    const unit = textOf(BUSY, 'psi-credential@.service');
    assert.match(unit, /^LoadCredentialEncrypted=%i:\/etc\/credstore.encrypted\/%i$/m);
    assert.match(textOf(BUSY, 'psi.container'), /^Wants=.* psi-credential@psi-socket-token.service$/m);
    assert.match(textOf(USER, 'psi-credential@.service'), /%t\/psi-credentials\/%i/);
  });

  it('look as often as the shortest time before an end asks for, and never too late by accuracy', () => {
    const timer = (windowMs: number): string =>
      textOf({ ...SYSTEM, tls: { outputs: [], looks: looksFor(windowMs) } }, 'psi-tls-renew.timer');
    assert.match(timer(30 * 86_400_000), /^OnCalendar=daily\nRandomizedDelaySec=2h\n(?!Accuracy)/m);
    assert.match(timer(600_000), /^OnCalendar=\*:0\/2\nRandomizedDelaySec=15s\nAccuracySec=1s$/m);
  });

  it('refuse certificates right in a folder of the system', () => {
    for (const path of ['/etc/web.pem', '/web.pem']) {
      const layout = { ...SYSTEM, tls: { outputs: [path], looks: looksFor(Infinity) } };
      assert.throws(() => hostUnits(layout, PLAIN), { code: 'CONFIG_INVALID', hint: /one below/ }, path);
    }
  });

  it('refuse what could leave its line', () => {
    for (const image of ['', 'a b', 'a\nVolume=/:/host', '-v', 'a%n', '$(x)']) {
      assert.throws(() => hostUnits(SYSTEM, { ...PLAIN, image }), { code: 'USAGE' }, image);
    }
    for (const path of ['/a b', '/a\nb', '/a:b', 'relative', '/a"b', '/a,b']) {
      assert.throws(() => hostUnits({ ...SYSTEM, stateDir: path }, PLAIN), { code: 'CONFIG_INVALID' }, path);
    }
    assert.throws(() => hostUnits({ ...SYSTEM, credentials: ['a\nb'] }, PLAIN), { code: 'CONFIG_INVALID' });
  });

  it('double what systemd would expand in a path', () => {
    const [, container] = hostUnits({ ...SYSTEM, stateDir: '/var/lib/100%$X' }, PLAIN);
    assert.match(container?.text ?? '', /^Volume=\/var\/lib\/100%%\$\$X:\/var\/lib\/100%%\$\$X$/m);
  });

  it('names them after the providers, and sets all of them up', () => {
    const vault = { name: 'vault', title: 'Vault', group: 'vault' };
    const alone: HostLayout = { ...SYSTEM, providers: [vault], certifier: vault };
    assert.match(
      textOf(alone, 'psi-vault-setup.service'),
      /secrets of Vault with[^]*psi setup --boot --provider vault\n/,
    );
    assert.match(textOf(alone, 'psi-vault-refresh.service'), /from Vault\nAfter=psi.service psi-vault-setup.service /);
    assert.match(textOf(alone, 'psi-tls-renew.service'), /ExecStart=podman exec psi psi vault tls renew\n/);
    const both: HostLayout = { ...SYSTEM, providers: [vault, ...SYSTEM.providers] };
    assert.match(textOf(both, 'psi-vault-setup.service'), /secrets of Vault and Infisical[^]*psi setup --boot\n/);
  });
});
