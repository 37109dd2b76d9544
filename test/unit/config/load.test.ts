import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { configFile, defaultConfig, loadConfig, readConfig } from '../../../src/config/load.ts';
import { ConfigError, issuesAsJson } from '../../../src/config/findings/issue.ts';
import { configJsonSchema } from '../../../src/config/schema/json-schema.ts';
import { exitCode } from '../../../src/core/exit.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';
import { PROVIDER, infisicalOf, load, problemsOf } from './support.ts';

const docs = new URL('../../../docs/', import.meta.url);

test('uses the places of the system for root', async () => {
  const config = await load('{}');
  assert.equal(config.scope, 'system');
  assert.equal(config.stateDir, '/var/lib/psi');
  assert.equal(config.systemdDir, '/etc/containers/systemd');
  assert.equal(config.socket, '/run/psi/psi.sock');
  assert.equal(config.controlSocket, '/run/psi-control.sock');
  assert.equal(config.podmanSocket, '/run/podman/podman.sock');
  assert.equal(config.dbusSocket, '/run/dbus/system_bus_socket');
  assert.deepEqual(config.lookup, { timeoutMs: 5000, batchWindowMs: 2000, helperDir: '/usr/local/libexec/psi' });
  assert.equal(config.cache, undefined);
  assert.deepEqual(config.workloads, []);
});

test('uses the places of the user for anybody else', async () => {
  const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000', XDG_CONFIG_HOME: 'relative/is/ignored' };
  const config = await load('{}', { uid: 1000, env });
  assert.equal(config.scope, 'user');
  assert.equal(config.stateDir, '/home/ann/.local/share/psi');
  assert.equal(config.systemdDir, '/home/ann/.config/containers/systemd');
  assert.equal(config.socket, '/run/user/1000/psi/psi.sock');
  assert.equal(config.podmanSocket, '/run/user/1000/podman/podman.sock');
  assert.equal(config.dbusSocket, '/run/user/1000/bus');
});

test('reads --config before PSI_CONFIG before the default of the scope', () => {
  const env = { PSI_CONFIG: '/from/env.yaml', HOME: '/home/ann' };
  assert.equal(configFile({ path: 'given.yaml', env, uid: 0 }), 'given.yaml');
  assert.equal(configFile({ env, uid: 0 }), '/from/env.yaml');
  assert.equal(configFile({ env: { ...env, PSI_CONFIG: '' }, uid: 0 }), '/etc/psi/config.yaml');
  assert.equal(configFile({ env: { HOME: '/home/ann' }, uid: 7 }), '/home/ann/.config/psi/config.yaml');
  assert.equal(configFile({ env: { XDG_CONFIG_HOME: '/cfg' }, uid: 7 }), '/cfg/psi/config.yaml');
});

for (const [errno, code, words] of [
  ['ENOENT', 'NO_FILE', 'does not exist'],
  ['EACCES', 'UNREADABLE', 'may not be read by this user'],
  ['EISDIR', 'UNREADABLE', 'is a folder'],
] as const) {
  test(`says what to do when reading fails with ${errno}`, async () => {
    const failing = loadConfig({
      env: {},
      uid: 0,
      kinds: PROVIDER_KINDS,
      readFile: () => Promise.reject(Object.assign(new Error('x'), { code: errno })),
    });
    await assert.rejects(failing, (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, `the configuration file /etc/psi/config.yaml ${words}`);
      assert.ok(error.hint);
      assert.deepEqual([error.issues[0]?.code, exitCode(error.code)], [code, 78]);
      return true;
    });
  });
}

test('refuses a file that is not UTF-8', async () => {
  const readFile = (): Promise<Uint8Array> => Promise.resolve(Uint8Array.of(0x61, 0xff));
  await assert.rejects(loadConfig({ env: {}, uid: 0, kinds: PROVIDER_KINDS, readFile }), /is not UTF-8/);
});

test('accepts the example file, and each auth method that it shows in a comment', async () => {
  const text = await readFile(new URL('config.example.yaml', docs), 'utf8');
  const config = await load(text);
  assert.deepEqual(
    config.workloads.map(({ name, unit, provider }) => [name, unit, provider]),
    [
      ['myapp', 'myapp.container', 'infisical'],
      ['worker@', 'worker@.container', 'infisical'],
    ],
  );
  assert.equal(config.workloads[0]?.secrets.length, 4);
  for (const line of text.matchAll(/^ +# (auth: \{method.*\})(?: .*)?$/gm)) {
    await load(`providers:\n  infisical:\n    ${line[1] ?? ''}\n`);
  }
});

test('ships the JSON Schema that the codecs generate (node scripts/write-schema.ts)', async () => {
  const shipped: unknown = JSON.parse(await readFile(new URL('config.schema.json', docs), 'utf8'));
  assert.deepEqual(shipped, JSON.parse(JSON.stringify(configJsonSchema(PROVIDER_KINDS))));
});

test('accepts a config of the Python PSI', async () => {
  const config = await load(`
ca_cert: /etc/pki/ca.pem
socket_token: "old-token"
cache: {enabled: true, backend: hsm, refresh_interval: 1h 30min, hsm: {module: /usr/lib64/pkcs11/opensc-pkcs11.so, key_id: "02"}}
providers:
  infisical:
    api_url: https://vault.example.com/api/
    verify_ssl: false
    token: {ttl: 300}
    projects:
      shop: {id: p1, auth: {method: universal-auth, client_id: c1, client_secret: s1}}
    tls:
      certificates:
        web:
          project: shop
          profile_id: f1
          common_name: web.example.com
          output: {cert: /t/c.pem, key: /t/k.pem, chain: /t/ch.pem}
          hooks: ["systemctl reload 'my app.service'"]
workloads:
  shop:
    provider: infisical
    unit: shop.container
    depends_on: [psi-infisical-setup.service]
    secrets: [{project: shop, path: shop/}]
  windmill-worker@: {secrets: [{project: shop}]}
`);
  const infisical = infisicalOf(config);
  assert.equal(infisical?.apiUrl, 'https://vault.example.com');
  assert.equal(infisical.token.ttlMs, 300_000);
  assert.equal(infisical.caCert, '/etc/pki/ca.pem');
  assert.equal(infisical.projects.get('shop')?.environment, 'prod');
  assert.deepEqual(infisical.certificates.get('web')?.hooks, [['systemctl', 'reload', 'my app.service']]);
  assert.equal(config.cache?.refreshIntervalMs, 5_400_000);
  assert.equal(config.cache.path, '/var/lib/psi/cache.enc');
  assert.equal(config.cache.hsm?.key.id, '02');
  assert.deepEqual(
    config.workloads.map(({ secrets }) => secrets[0]?.path),
    ['/shop', '/'],
  );
});

test('takes PSI_SOCKET_TOKEN where the file has no token, as the Python PSI did', async () => {
  const env = { PSI_SOCKET_TOKEN: 'x' };
  assert.deepEqual((await load('{}', { env })).socketToken, { kind: 'env', name: 'PSI_SOCKET_TOKEN' });
  assert.deepEqual((await load('socket_token: {file: /t}', { env })).socketToken, { kind: 'file', path: '/t' });
});

test('gives each project its own auth, else the one of the provider', async () => {
  const config = await load(`${PROVIDER}      other: {id: p2, auth: {method: kubernetes, identity_id: i1}}\n`);
  const projects = infisicalOf(config)?.projects;
  assert.equal(projects?.get('myproject')?.auth.method, 'universal-auth');
  const auth = projects.get('other')?.auth;
  assert.ok(auth?.method === 'kubernetes');
  assert.deepEqual(auth.jwt, { kind: 'file', path: '/var/run/secrets/kubernetes.io/serviceaccount/token' });
});

test('accepts plain http to this host, and to another one only when told so', async () => {
  for (const host of ['127.0.0.1:8080', 'localhost', '[::1]:1']) {
    await load(`providers: {infisical: {api_url: "http://${host}"}}`);
  }
  await load('providers: {infisical: {api_url: http://infisical:8080, allow_http: true}}');
  const { issues } = await problemsOf('providers: {infisical: {api_url: http://127.0.0.1.example.com}}');
  assert.deepEqual(
    issues.map(({ code }) => code),
    ['INSECURE_URL'],
  );
});

test('understands anchors and merge keys, and points into the map that was merged', async () => {
  const text = `${PROVIDER}workloads:
  a: &base
    depends_on: [db.service]
    secrets: [{project: myproject, path: /a/..}]
  b:
    <<: *base
    unit: b.container
`;
  const { issues } = await problemsOf(text);
  assert.deepEqual(
    issues.map(({ path, line, column }) => [path, line, column]),
    [
      ['workloads.a.secrets.0.path', 9, 42],
      ['workloads.b.secrets.0.path', 9, 42],
    ],
  );
  const config = await load(text.replace('/a/..', '/a'));
  assert.deepEqual(config.workloads[1]?.dependsOn, ['db.service']);
});

test('never shows a secret through an alias of it in a public field', async () => {
  const { issues } = await problemsOf(
    'socket_token: &t hunter2\nstate_dir: *t\ncache: {path: &p hunter3, tpm: {auth: *p}}\n',
  );
  assert.doesNotMatch(JSON.stringify(issues), /hunter/);
  assert.deepEqual(
    issues.map(({ path }) => path),
    ['state_dir', 'cache.path'],
  );
});

test('reports everything at once, ordered by position', async () => {
  const { issues, message } = await problemsOf(
    'workloads: {a: {unit: x}, "b c": {unit: y}}\nsockte: /x\nstate_dir: x\n',
  );
  assert.deepEqual(
    issues.map(({ code }) => code),
    [
      'UNKNOWN_PROVIDER',
      'BAD_UNIT_FILE',
      'BAD_WORKLOAD_NAME',
      'UNKNOWN_PROVIDER',
      'BAD_UNIT_FILE',
      'UNKNOWN_KEY',
      'BAD_PATH',
    ],
  );
  assert.equal(message, '7 problems in /etc/psi/config.yaml (the first at line 1)');
});

test('prints exactly the fields of an issue as JSON', async () => {
  const { issues } = await problemsOf('state_dir: x\n');
  assert.deepEqual(issuesAsJson(issues), [
    {
      code: 'BAD_PATH',
      severity: 'error',
      path: 'state_dir',
      file: '/etc/psi/config.yaml',
      line: 1,
      column: 12,
      expected: 'absolute path',
      got: 'text "x"',
      hint: 'write the whole path from `/`, without `~` and without `..`',
    },
  ]);
});

test('proposes no spelling of a folder that is an alias of a secret', async () => {
  const text = 'socket_token: &t /hunter2/./x\nworkloads: {w: {secrets: [{project: p, path: *t}]}}\n';
  const { issues } = await problemsOf(text);
  const folder = issues.find(({ code }) => code === 'BAD_FOLDER');
  assert.ok(folder);
  assert.doesNotMatch(JSON.stringify(issues), /hunter/);
});

test('stays quick and says so for nesting and aliases meant to exhaust it', async () => {
  const deep = await problemsOf('['.repeat(50_000));
  assert.equal(deep.issues[0]?.code, 'SYNTAX');
  const lines = Array.from(
    { length: 30 },
    (_, i) => `x${String(i + 1)}: &a${String(i + 1)} [*a${String(i)}, *a${String(i)}]`,
  );
  const laughs = await problemsOf(`x0: &a0 lol\n${lines.join('\n')}\n`);
  assert.equal(laughs.issues[0]?.got, 'too many aliases');
  assert.match(laughs.issues[0].hint, /write an alias of aliases out/);
  const within = await problemsOf('state_dir: &a [*a]\n');
  assert.equal(within.issues[0]?.got, 'too many aliases');
});

test('takes as many aliases as somebody writes, quickly', async () => {
  const many = Array.from({ length: 2_000 }, (_, at) => `w${String(at)}: *shared`);
  const began = performance.now();
  const config = await load(`${PROVIDER}workloads:\n  first: &shared {secrets: []}\n  ${many.join('\n  ')}\n`);
  assert.equal(config.workloads.length, 2_001);
  assert.ok(performance.now() - began < 5_000);
});

test('where no file can be read the places are those that the unit names, and the defaults where it names none', () => {
  const env = { PSI_STATE_DIR: '/srv/psi', PSI_DBUS_SOCKET: 'relative', PSI_SOCKET: '' };
  const { stateDir, dbusSocket, socket } = defaultConfig({ env, uid: 0 });
  assert.deepEqual([stateDir, dbusSocket, socket], ['/srv/psi', '/run/dbus/system_bus_socket', '/run/psi/psi.sock']);
});

test('what the unit names changes nothing of a file that can be read', async () => {
  assert.equal((await load(PROVIDER, { env: { PSI_STATE_DIR: '/srv/psi' } })).stateDir, '/var/lib/psi');
});

test('what is doubtful refuses nothing, stands beside the errors of a file that is refused, and does not count', async () => {
  const doubtful = `${PROVIDER}workloads: {a: {secrets: [{project: myproject, mode: "0400"}]}}\n`;
  const read = (text: string): ReturnType<typeof readConfig> =>
    readConfig({
      env: {},
      uid: 0,
      kinds: PROVIDER_KINDS,
      readFile: () => Promise.resolve(new TextEncoder().encode(text)),
    });
  const { config, warnings, content } = await read(doubtful);
  assert.equal(config.workloads[0]?.secrets[0]?.mode, undefined);
  assert.deepEqual([warnings.map(({ code }) => code), content.length], [['MODE_WITHOUT_MOUNT'], doubtful.length]);
  const { issues, message } = await problemsOf(`${doubtful}lookups: {}\n`);
  assert.deepEqual(
    issues.map(({ severity }) => severity),
    ['warning', 'error'],
  );
  assert.match(message, /^1 problem in .* \(the first at line 7\)$/);
});
