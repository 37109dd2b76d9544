// The Python PSI's config, row by row of what it takes: what becomes of it, what is said, and that this psi takes what is written.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readOldConfig, writtenConfig } from '../../../src/adapters/python-psi/codec.ts';
import { readConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/findings/issue.ts';
import { translate, type OldSurroundings, type Translated } from '../../../src/migrate/config/translate.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';

const SURROUNDINGS: OldSurroundings = {
  scope: 'system',
  mode: 'container',
  env: new Map(),
  token: { kind: 'text' },
  pin: undefined,
};

/** `file` is YAML; `becomes` a part of the result; `says` and `refuses` what stands in the lines. */
type Row = {
  readonly name: string;
  readonly file: string;
  readonly given?: Partial<OldSurroundings>;
  readonly becomes?: Readonly<Record<string, unknown>>;
  readonly says?: readonly RegExp[];
  readonly refuses?: readonly RegExp[];
};

const AUTH = 'auth: {method: universal-auth, client_id: c, client_secret: "canary-s3cret"}';
const PROVIDER = `providers:\n  infisical:\n    ${AUTH}\n    projects: {main: {id: p}}\n`;

function workload(lines: string, name = 'app'): string {
  return `${PROVIDER}workloads:\n  ${name}:\n    ${lines}\n`;
}

function provider(line: string): string {
  return `providers:\n  infisical:\n    ${AUTH}\n    projects: {main: {id: p}}\n    ${line}\n`;
}

function infisical(more: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const auth = { method: 'universal-auth', client_id: 'c', client_secret: 'canary-s3cret' };
  return { providers: { infisical: { auth, projects: { main: { id: 'p' } }, ...more } } };
}

function workloads(app: Readonly<Record<string, unknown>>, name = 'app'): Readonly<Record<string, unknown>> {
  return { workloads: { [name]: { provider: 'infisical', ...app } } };
}

function certificate(lines: string): string {
  const base = 'project: main, profile_id: f, common_name: n, output: {cert: /c/a, key: /c/b, chain: /c/d}';
  return provider(`tls: {certificates: {web: {${base}${lines}}}}`);
}

function certificates(more: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const web = {
    ...{ project: 'main', profile_id: 'f', common_name: 'n' },
    output: { cert: '/c/a', key: '/c/b', chain: '/c/d' },
    ...more,
  };
  return infisical({ tls: { certificates: { web } } });
}

const HSM = `cache: {backend: hsm}\nproviders:\n  infisical:\n    ${AUTH}\n  nitrokeyhsm: `;

const ROWS: readonly Row[] = [
  { name: 'nothing at all', file: '', becomes: {} },
  { name: 'keys in any case', file: 'STATE_DIR: /srv/psi', becomes: { state_dir: '/srv/psi' } },
  { name: 'an unknown key at the top', file: 'x-mine: 1', refuses: [/^x-mine: it is no key/] },
  { name: 'a list as document', file: '[1]', refuses: [/^config: it is no map/] },
  { name: 'no value for a section', file: 'cache:', refuses: [/^cache: it has no value/] },
  { name: 'a key twice: the last one', file: 'state_dir: /a\nstate_dir: /b', becomes: { state_dir: '/b' } },
  { name: 'scope', file: 'scope: user', becomes: {}, says: [/^scope: it was ignored/] },
  { name: 'a relative place', file: 'state_dir: psi', refuses: [/^state_dir: "psi" is no absolute path/] },
  { name: 'a place in the home folder', file: 'systemd_dir: ~/units', refuses: [/^systemd_dir: "~\/units"/] },
  {
    name: "the system's places in user scope",
    file: 'state_dir: /var/lib/psi\nsystemd_dir: /etc/containers/systemd',
    given: { scope: 'user', mode: 'native' },
    becomes: {},
  },
  { name: 'ca_cert of containers', file: 'ca_cert: /etc/ca.pem', becomes: { ca_cert: '/etc/ca.pem' } },
  {
    name: 'ca_cert without containers',
    file: 'ca_cert: /etc/ca.pem',
    given: { mode: 'native' },
    becomes: {},
    says: [/^ca_cert: .*no effect here: it is left out.*ca_cert: \/etc\/ca\.pem/],
  },
  { name: 'socket_token', file: 'socket_token: abcdefgh', becomes: { socket_token: 'abcdefgh' } },
  { name: 'a number as socket_token', file: 'socket_token: 12345678', refuses: [/^socket_token: it is no text/] },
  { name: 'an empty socket_token', file: "socket_token: ''", becomes: {} },
  {
    name: 'the token of a credential goes over that of the file',
    file: 'socket_token: abcdefgh',
    given: { token: { kind: 'credential', name: 'psi-socket-token' } },
    becomes: { socket_token: { credential: 'psi-socket-token' } },
  },
  { name: 'a token turned off', file: 'socket_token: abcdefgh', given: { token: { kind: 'none' } }, becomes: {} },
  { name: 'an unknown provider', file: 'providers: {vault: {}}', refuses: [/^providers\.vault: .*no such provider/] },
  {
    name: 'a name that psi cannot have, for a workload whose quadlet has it',
    file: workload('secrets: [{project: main}]', 'a--b'),
    becomes: {
      workloads: { 'a-b': { unit: 'a--b.container', provider: 'infisical', secrets: [{ project: 'main' }] } },
    },
    says: [/^workloads\.a--b: .*it is a-b with the unit a--b\.container/],
  },
  {
    name: 'the same, and the next name is taken',
    file: `${workload('secrets: []', 'a--b')}  a-b: {secrets: []}\n`,
    becomes: {
      workloads: {
        'a-b-2': { unit: 'a--b.container', provider: 'infisical', secrets: [] },
        'a-b': { provider: 'infisical', secrets: [] },
      },
    },
  },
  {
    name: 'a name that no quadlet can have here',
    file: workload('secrets: []', 'WITH SPACE'),
    refuses: [/^workloads\.WITH SPACE: psi takes no such name/],
  },
  {
    name: 'every quadlet, which was a name like any other',
    file: workload('secrets: []', '"*"'),
    refuses: [/^workloads\.\*/],
  },
  {
    name: 'a name with a dot',
    file: workload('secrets: []', 'bad-name.x'),
    becomes: workloads({ secrets: [] }, 'bad-name.x'),
  },
  { name: 'a template', file: workload('secrets: []', 'w@'), becomes: workloads({ secrets: [] }, 'w@') },
  {
    name: 'unknown keys of a workload',
    file: workload('extra: 1'),
    becomes: workloads({}),
    says: [/^workloads\.app\.extra: .*ignored it/],
  },
  {
    name: 'a provider that is not configured',
    file: workload('provider: other'),
    refuses: [/^workloads\.app\.provider: there is no "other"/],
  },
  {
    name: 'unit, which had no effect',
    file: workload('unit: other.container'),
    becomes: workloads({}),
    says: [/^workloads\.app\.unit: it had no effect.*other\.container/],
  },
  {
    name: 'depends_on without suffix, of quadlets, of the old service',
    file: workload('depends_on: [db, data.volume, "a.service b.service", psi-secrets.service]'),
    becomes: workloads({
      depends_on: ['db.service', 'data-volume.service', 'a.service', 'b.service', 'psi.service'],
    }),
    says: [
      /depends_on\.0: systemd ignored "db"/,
      /depends_on\.1: .*data-volume\.service/,
      /depends_on\.3: .*psi\.service now/,
    ],
  },
  { name: 'a text as depends_on', file: workload('depends_on: db.service'), refuses: [/depends_on: it is no list/] },
  {
    name: 'a source with a path without slash, a boolean of YAML 1.1, and keys that have a meaning here',
    file: workload('secrets: [{project: main, path: x/y, recursive: "yes", prefix: P_, as: mount}]'),
    becomes: workloads({ secrets: [{ project: 'main', path: '/x/y', recursive: true }] }),
    says: [/secrets\.0\.prefix: .*ignored it/, /secrets\.0\.as: .*ignored it/],
  },
  {
    name: 'a source of no project',
    file: workload('secrets: [{path: /x}]'),
    refuses: [/secrets\.0\.project: it is missing/],
  },
  { name: 'yes of YAML 1.1', file: 'cache: {enabled: no}', becomes: { cache: { enabled: false } } },
  {
    name: 'booleans as numbers',
    file: 'cache: {enabled: 1, backend: tpm}',
    becomes: { cache: { enabled: true, backend: 'tpm' } },
  },
  {
    name: 'a cache without backend',
    file: 'cache: {}',
    becomes: { cache: {} },
    says: [/^cache\.backend: without one nothing is cached/],
  },
  { name: 'a backend in capitals', file: 'cache: {backend: TPM}', refuses: [/^cache\.backend: there is no "TPM"/] },
  {
    name: "intervals in systemd's words",
    file: 'cache: {backend: tpm, refresh_interval: 1h 30min, refresh_randomized_delay: "90"}',
    becomes: { cache: { backend: 'tpm', refresh_interval: '90m', refresh_randomized_delay: '90s' } },
  },
  {
    name: 'an interval that is none here',
    file: 'cache: {backend: tpm, refresh_interval: hourly}',
    becomes: { cache: { backend: 'tpm' } },
    says: [/^cache\.refresh_interval: "hourly" is no span/],
  },
  {
    name: 'a number as interval',
    file: 'cache: {refresh_interval: 60}',
    refuses: [/^cache\.refresh_interval: it is no text/],
  },
  {
    name: 'unknown keys of the cache',
    file: 'cache: {backend: tpm, max_age: 1d}',
    becomes: { cache: { backend: 'tpm' } },
    says: [/^cache\.max_age/],
  },
  {
    name: 'a cache elsewhere',
    file: 'cache: {backend: tpm, path: /srv/c}',
    becomes: { cache: { backend: 'tpm', path: '/srv/c' } },
  },
  {
    name: "the HSM's settings, which stood with its provider",
    file: `${HSM}{pkcs11_module: /opt/m.so, key_label: k, pcscd_volume: v, pin: "1234"}`,
    becomes: {
      cache: { backend: 'hsm', hsm: { module: '/opt/m.so', key_id: '02', pin: '1234' } },
      providers: {
        infisical: { auth: { method: 'universal-auth', client_id: 'c', client_secret: 'canary-s3cret' } },
        nitrokeyhsm: { pkcs11_module: '/opt/m.so', key_label: 'k', pin: '1234' },
      },
    },
    says: [/pkcs11_module: the module is looked for in the image/],
  },
  {
    name: 'the token by itself, with all that its provider had',
    file: `providers:\n  nitrokeyhsm: {slot: "1", key_id: "0A", key_label: k, public_key_cache: /x.der, pcscd_volume: v, more: 1}`,
    given: { pin: { kind: 'credential' } },
    becomes: {
      providers: { nitrokeyhsm: { slot: 1, key_label: 'k', key_id: '0A', pin: { credential: 'hsm-pin' } } },
    },
    says: [/^providers\.nitrokeyhsm\.more: the Python PSI does not know this key/],
  },
  {
    name: 'the token by its name of before April 2026',
    file: `providers:\n  nitrohsm: {}`,
    becomes: { providers: { nitrohsm: { kind: 'nitrokeyhsm' } } },
  },
  { name: 'a slot that is none', file: `${HSM}{slot: -1}`, refuses: [/nitrokeyhsm\.slot: it is no whole number/] },
  { name: 'a token without settings', file: 'providers: {nitrokeyhsm: }', refuses: [/nitrokeyhsm: it is no map/] },
  {
    name: 'the PIN of a credential, and the slot, which was an index',
    file: `${HSM}{slot: 1, key_id: "0A"}`,
    given: { pin: { kind: 'credential' } },
    becomes: {
      cache: {
        backend: 'hsm',
        hsm: { module: '/usr/lib64/pkcs11/opensc-pkcs11.so', key_id: '0A', pin: { credential: 'hsm-pin' } },
      },
    },
    says: [/nitrokeyhsm\.slot: it counted tokens/],
  },
  {
    name: 'the PIN of a variable',
    file: `${HSM}{}`,
    given: { pin: { kind: 'file', path: '/etc/psi/hsm-pin' } },
    becomes: {
      cache: {
        backend: 'hsm',
        hsm: { module: '/usr/lib64/pkcs11/opensc-pkcs11.so', key_id: '02', pin: { file: '/etc/psi/hsm-pin' } },
      },
    },
  },
  {
    name: 'an unquoted id of a key',
    file: `${HSM}{key_id: 02}`,
    refuses: [/nitrokeyhsm\.key_id: it is no text.*put it in quotes/],
  },
  { name: 'an unquoted PIN', file: `${HSM}{pin: 1234}`, refuses: [/nitrokeyhsm\.pin: it is no text/] },
  { name: 'an id that is no hex', file: `${HSM}{key_id: "zz"}`, refuses: [/nitrokeyhsm\.key_id: it is no hex/] },
  {
    name: 'a workload of the HSM, which got nothing',
    file: `providers:\n  nitrokeyhsm: {}\nworkloads:\n  app: {provider: nitrokeyhsm}`,
    becomes: { providers: { nitrokeyhsm: {} }, workloads: {} },
    says: [/^workloads\.app: .*got nothing by setup/],
  },
  { name: 'infisical: {}', file: 'providers: {infisical: {}}', becomes: { providers: { infisical: {} } } },
  {
    name: 'infisical without value',
    file: 'providers: {infisical: }',
    refuses: [/^providers\.infisical: it is no map/],
  },
  {
    name: 'http to another host',
    file: provider('api_url: http://vault.example.com/'),
    becomes: infisical({ api_url: 'http://vault.example.com/', allow_http: true }),
    says: [/api_url: secrets cross the network readable/],
  },
  { name: 'verify_ssl', file: provider('verify_ssl: off'), becomes: infisical({ verify_ssl: false }) },
  {
    name: 'a ca_cert that had no effect',
    file: provider('ca_cert: /gone.pem'),
    becomes: infisical({}),
    says: [/infisical\.ca_cert: it had no effect.*\/gone\.pem/],
  },
  { name: "a token's life as text", file: provider("token: {ttl: '60'}"), becomes: infisical({ token: { ttl: 60 } }) },
  { name: "a token's life without bound", file: provider('token: {ttl: 0}'), becomes: infisical({}) },
  {
    name: "half a second of a token's life",
    file: provider('token: {ttl: 1.5}'),
    refuses: [/token\.ttl: it is no whole number/],
  },
  {
    name: 'unknown keys below',
    file: provider('headers: {a: b}'),
    becomes: infisical({}),
    says: [/infisical\.headers: .*ignored it/],
  },
  {
    name: 'further keys of auth',
    file: 'providers: {infisical: {auth: {method: gcp, identity_id: i, region: x}}}',
    becomes: { providers: { infisical: { auth: { method: 'gcp', identity_id: 'i' } } } },
    says: [/auth\.region: .*ignored it/],
  },
  ...(['aws-iam', 'gcp', 'azure'] as const).map((method) => ({
    name: `auth by ${method}`,
    file: `providers: {infisical: {auth: {method: ${method}, identity_id: i}}}`,
    becomes: { providers: { infisical: { auth: { method, identity_id: 'i' } } } },
  })),
  {
    name: 'a method that it does not have',
    file: 'providers: {infisical: {auth: {method: ldap}}}',
    refuses: [/auth\.method: .*no such method/],
  },
  {
    name: 'a number as client_secret',
    file: 'providers: {infisical: {auth: {method: universal-auth, client_id: c, client_secret: 0123}}}',
    refuses: [/auth\.client_secret: it is no text/],
  },
  {
    name: "a project's own auth and environment",
    file: 'providers: {infisical: {projects: {main: {id: p, environment: dev, auth: {method: gcp, identity_id: i}}}}}',
    becomes: {
      providers: {
        infisical: { projects: { main: { id: 'p', environment: 'dev', auth: { method: 'gcp', identity_id: 'i' } } } },
      },
    },
  },
  {
    name: 'a project without auth that nothing names',
    file: 'providers: {infisical: {projects: {main: {id: p}}}}',
    becomes: { providers: { infisical: { projects: {} } } },
    says: [/projects\.main: it has no auth, and nothing names it/],
  },
  {
    name: 'a project without auth that a workload names',
    file: 'providers: {infisical: {projects: {main: {id: p}}}}\nworkloads: {app: {secrets: [{project: main}]}}',
    refuses: [/projects\.main: it has no auth/],
  },
  {
    name: 'a name of a project that stands in mappings',
    file: provider('projects: {"my project": {id: p}}'),
    refuses: [/projects\.my project: .*mappings/],
  },
  {
    name: 'a certificate',
    file: certificate(', alt_names: [{type: dns_name, value: n}], key_algorithm: RSA_2048'),
    becomes: certificates({ alt_names: [{ type: 'dns_name', value: 'n' }], key_algorithm: 'RSA_2048' }),
  },
  { name: 'ttl: 1y', file: certificate(', ttl: 1y'), becomes: certificates({ ttl: '365d' }) },
  {
    name: 'ttl: 90s',
    file: certificate(', ttl: 90s, renew_before: 1m'),
    becomes: certificates({ ttl: '2m', renew_before: '1m' }),
    says: [/ttl: .*90s is 2m now/],
  },
  {
    name: 'renew_before above ttl',
    file: certificate(', ttl: 30d, renew_before: 90d'),
    becomes: certificates({ ttl: '30d', renew_before: '20d' }),
    says: [/renew_before: 90d before the end is more than two thirds/],
  },
  {
    name: 'a ttl below the default of renew_before',
    file: certificate(', ttl: 24h'),
    becomes: certificates({ ttl: '1d', renew_before: '16h' }),
    says: [/renew_before: 30d before/],
  },
  { name: 'no span', file: certificate(', ttl: 90'), refuses: [/ttl: it is no text/] },
  { name: 'a span of two parts', file: certificate(', ttl: 1h30m'), refuses: [/ttl: "1h30m" is no span/] },
  { name: 'tls: {}', file: provider('tls: {}'), refuses: [/tls\.certificates: it is missing/] },
  {
    name: 'an unquoted mode',
    file: provider(
      'tls: {certificates: {web: {project: main, profile_id: f, common_name: n, output: {cert: /a, key: /b, chain: /c, mode: 0640}}}}',
    ),
    refuses: [/output\.mode: it is no text.*put it in quotes: mode/],
  },
  {
    name: 'hooks',
    file: certificate(', hooks: ["systemctl reload nginx"]'),
    becomes: certificates({ hooks: ['systemctl reload nginx'] }),
  },
  {
    name: 'a hook with words of a shell',
    file: certificate(', hooks: ["a && b"]'),
    becomes: certificates({ hooks: [['a', '&&', 'b']] }),
    says: [/hooks\.0: no shell runs it.*\[sh, -c/],
  },
  {
    name: 'the later source of a workload wins on the same key, here as there',
    file: workload('secrets: [{project: main, path: /b}, {project: main, path: /a}]'),
    becomes: workloads({
      secrets: [
        { project: 'main', path: '/b' },
        { project: 'main', path: '/a' },
      ],
    }),
  },
  {
    name: 'variables go over the file, deeply, in any case; those it does not know are named',
    file: 'cache: {refresh_interval: 2h}\nstate_dir: /a',
    given: {
      env: new Map([
        ['PSI_CACHE', '{"backend":"tpm"}'],
        ['psi_state_dir', '/b'],
        ['PSI_OTHER', 'x'],
        ['PSI_LOG_LEVEL', 'debug'],
      ]),
    },
    becomes: { state_dir: '/b', cache: { backend: 'tpm', refresh_interval: '2h' } },
    says: [/^PSI_CACHE: it went over cache/, /^psi_state_dir: it went over state_dir/, /^PSI_OTHER: .*ignored it/],
  },
  {
    name: 'an empty variable counts',
    file: 'state_dir: /a',
    given: { env: new Map([['PSI_STATE_DIR', '']]) },
    refuses: [/^state_dir: it is empty/],
  },
  {
    name: 'a variable that is no JSON',
    file: '',
    given: { env: new Map([['PSI_CACHE', '{canary-s3cret']]) },
    refuses: [/^PSI_CACHE: it is no JSON/],
  },
  {
    name: 'a config of before its providers had names',
    file: `${AUTH}\nprojects: {main: {id: p}}\ntoken: {ttl: 60}`,
    becomes: infisical({ token: { ttl: 60 } }),
    says: [/^auth, projects, token: an earlier Python PSI/],
  },
];

for (const row of ROWS) {
  test(`config of the Python PSI: ${row.name}`, async () => {
    const translated = translationOf(row);
    const { config } = translated;
    const [said, refused] = [lines(translated.notes), lines(translated.refusals)];
    for (const word of row.says ?? [])
      assert.ok(
        said.some((line) => word.test(line)),
        `${String(word)} in ${said.join('\n')}`,
      );
    for (const word of row.refuses ?? [])
      assert.ok(
        refused.some((line) => word.test(line)),
        `${String(word)} in ${refused.join('\n')}`,
      );
    if (row.refuses === undefined) assert.deepEqual(refused, []);
    assert.doesNotMatch([...said, ...refused].join('\n'), /canary/);
    if (row.becomes === undefined) return;
    for (const [key, value] of Object.entries(row.becomes)) assert.deepEqual(config[key], value, key);
    if (Object.keys(row.becomes).length === 0) assert.deepEqual(config, {});
    if (Object.keys(config).length > 0) assert.deepEqual(await refusedHere(config), []);
  });
}

function translationOf({ file, given }: Row): Translated {
  return translate(readOldConfig('/etc/psi/config.yaml', file), { ...SURROUNDINGS, ...given });
}

function lines(remarks: Translated['notes']): readonly string[] {
  return remarks.map(({ subject, reason, hint }) => `${subject}: ${reason}${hint === undefined ? '' : `; ${hint}`}`);
}

async function refusedHere(config: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  const content = new TextEncoder().encode(writtenConfig(['Written by a test.'], config));
  try {
    await readConfig({
      path: '/etc/psi/config.yaml',
      env: {},
      uid: 0,
      kinds: PROVIDER_KINDS,
      readFile: () => Promise.resolve(content),
    });
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.issues.map((issue) => JSON.stringify(issue));
    throw thrown;
  }
}

describe('text', () => {
  test('words are those of its own parser', () => {
    const read = readOldConfig('c', 'a: [yes, Off, y, n, 12e4, 1.5e+3, 0640, 1_000, "no", 1:30]');
    assert.deepEqual(read, { a: [true, false, 'y', 'n', '12e4', 1500, 416, 1000, 'no', 90] });
  });

  test('what is no YAML is named by its line, without a word of it', () => {
    assert.throws(() => readOldConfig('/etc/psi/config.yaml', 'a: 1\nb: "canary-s3cret\n'), {
      message: /^\/etc\/psi\/config\.yaml:\d+: it is no YAML$/,
    });
  });

  test('texts that look like something else in the YAML of today are quoted', async () => {
    const auth = { method: 'universal-auth', client_id: '0123', client_secret: 'null' };
    assert.deepEqual(await refusedHere({ providers: { infisical: { auth, projects: { main: { id: 'true' } } } } }), []);
  });
});
