// A proxy that is the only way out: the server's name resolves there alone. Through CLI, sockets and files only, so that it runs against
// the PSI of any tree (PSI_TREE).
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { startHttpProxy, type HttpProxy } from '../doubles/http-proxy.ts';
import { acceptAws } from '../doubles/infisical/aws-rule.ts';
import { startInfisicalDouble, type InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import { acceptJwt } from '../doubles/infisical/machine-logins.ts';
import { makeTestAuthority } from '../doubles/infisical/test-authority.ts';
import { mintJwt } from '../doubles/jwt.ts';
import { startAwsMetadata, startAzureMetadata, startGoogleMetadata, type MetadataDouble } from '../doubles/metadata.ts';
import { startSts, type StsDouble } from '../doubles/sts.ts';
import { joinAsSystemd, startBus } from '../doubles/systemd-bus.ts';
import { servePodman } from '../fakes/podman-api.fake.ts';
import { FakePodman } from '../fakes/podman.fake.ts';
import { ask, startPsi, type PsiProcess } from '../hosts/psi-process.ts';
import { PSI_UNDER_TEST } from '../hosts/psi-tree.ts';
import { run, type RunResult } from '../hosts/run.ts';

const NAME = 'infisical.example.test';
const STS = 'sts.eu-central-1.amazonaws.com';
const VALUE = 'canary value of A';
const IDENTITY = '1c2d3e4f-0000-4000-8000-000000000000';
const CLIENT = { clientId: 'client-1', clientSecret: 'canary-client-secret' };
const CREDENTIALS = 'proxy:canary-proxy-password';
const KEYS = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'canary/secret', sessionToken: 'canary//session==' };
const ARN = 'arn:aws:iam::123456789012:role/psi-role';

const undo: (() => Promise<unknown>)[] = [];
const atEnd = <T extends { readonly close: () => Promise<unknown> }>(opened: T): T => {
  undo.push(() => opened.close());
  return opened;
};

let dir: string;
let secure: InfisicalDouble;
let plain: InfisicalDouble;
let proxy: HttpProxy;
let sts: StsDouble;
let google: MetadataDouble;
let azure: MetadataDouble;
let aws: MetadataDouble;
/** What each PSI here is given. */
let common: Readonly<Record<string, string>>;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'psi-proxy-'));
  undo.push(() => rm(dir, { recursive: true }));
  const authority = await makeTestAuthority([NAME, STS]);
  await writeFile(join(dir, 'ca.pem'), authority.ca);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const mint = (claims: object): string => mintJwt({ ...claims, exp: Math.floor(Date.now() / 1000) + 600 }, privateKey);
  const seed = {
    identities: [CLIENT],
    projects: [{ id: 'project-1', environments: ['prod'] }],
    values: { 'project-1': { prod: { '/app': { A: VALUE } } } },
  };
  secure = atEnd(await startInfisicalDouble({ seed, tls: authority.server }));
  plain = atEnd(await startInfisicalDouble({ seed, host: '::ffff:127.0.0.1' }));
  for (const { logins } of [secure, plain]) {
    const allow = (method: 'gcp-auth' | 'azure-auth', issuer: string, audience: string): void => {
      logins.allow({ method, identityId: IDENTITY, rule: acceptJwt({ key: publicKey, issuer, audience }) });
    };
    allow('gcp-auth', 'https://accounts.google.com', IDENTITY);
    allow('azure-auth', 'https://sts.windows.net/tenant/', 'https://management.azure.com/');
    const rule = acceptAws({ keys: () => KEYS, arn: ARN, allowedArns: [ARN] });
    logins.allow({ method: 'aws-auth', identityId: IDENTITY, rule });
  }
  google = atEnd(await startGoogleMetadata((aud) => mint({ iss: 'https://accounts.google.com', sub: '42', aud })));
  azure = atEnd(await startAzureMetadata((aud) => mint({ iss: 'https://sts.windows.net/tenant/', aud, oid: 'it' })));
  aws = atEnd(await startAwsMetadata(() => KEYS));
  sts = atEnd(await startSts(KEYS, authority.server));
  const hostOf = ({ url }: InfisicalDouble): string => new URL(url).host;
  proxy = atEnd(
    await startHttpProxy({
      routes: { [`${NAME}:443`]: hostOf(secure), [hostOf(plain)]: hostOf(plain), [`${STS}:443`]: sts.host },
    }),
  );
  common = {
    PATH: process.env['PATH'] ?? '',
    GCE_METADATA_HOST: google.host,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://${azure.host}`,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://${aws.host}`,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_REGION: 'eu-central-1',
    // Of the C library's resolver: also where no name server answers, a name ends unresolved within seconds.
    RES_OPTIONS: 'timeout:1 attempts:1',
  };
});
after(async () => {
  for (const step of undo.reverse()) await step();
});
beforeEach(() => {
  proxy.mode = 'serve';
  proxy.credentials = undefined;
});

type Env = Readonly<Record<string, string>>;

const universal = { method: 'universal-auth', client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
const cloud = (method: string): object => ({ method, identity_id: IDENTITY });

/** What the proxy was asked meanwhile. */
async function asking<T>(doing: Promise<T>): Promise<{ readonly result: T; readonly asked: readonly string[] }> {
  const before = proxy.asked.length;
  const result = await doing;
  return { result, asked: [...new Set(proxy.asked.slice(before))] };
}

async function login(auth: object, env: Env, provider: object = {}): Promise<RunResult> {
  const file = join(dir, 'login.yaml');
  const entry = { api_url: `https://${NAME}`, ca_cert: join(dir, 'ca.pem'), auth, projects: {}, ...provider };
  const config = { state_dir: join(dir, 'state'), providers: { infisical: entry } };
  await writeFile(file, stringify(config), { mode: 0o600 });
  const result = await run([...PSI_UNDER_TEST, '-c', file, 'infisical', 'login'], { env: { ...common, ...env } });
  assert.doesNotMatch(result.stdout + result.stderr, /canary/);
  return result;
}

/** A whole PSI with the fake Podman and a D-Bus of its own. */
async function serve(name: string, env: Env, provider: object = {}): Promise<PsiProcess> {
  const at = join(dir, name);
  await mkdir(at);
  const bus = await startBus(at, 'bus');
  undo.push(() => bus.stop());
  const manager = await joinAsSystemd(bus.socket, () => undefined);
  undo.push(() => manager.leave());
  const socket = join(at, 'psi.sock');
  const stored = async (method: string, path: string, body?: Uint8Array): Promise<void> => {
    const { status } = await ask(socket, method, path, body);
    if (status !== 200) throw new Error(`status ${String(status)}`);
  };
  const podman = new FakePodman({
    driver: {
      store: (id, body) => stored('POST', `/store/${id}`, body),
      delete: (id) => stored('DELETE', `/delete/${id}`),
    },
  });
  const podmanSocket = join(at, 'podman.sock');
  atEnd(await servePodman(podman, podmanSocket));
  const psi = await startPsi(
    {
      dir: at,
      podmanSocket,
      apiUrl: `https://${NAME}`,
      ...CLIENT,
      projects: { main: { id: 'project-1', environment: 'prod' } },
      workloads: { app: { secrets: [{ project: 'main', path: '/app' }] } },
      config: { dbus_socket: bus.socket },
      provider: { ca_cert: join(dir, 'ca.pem'), ...provider },
      env: { ...common, ...env },
    },
    PSI_UNDER_TEST,
  );
  undo.push(() => psi.stop());
  return psi;
}

async function lookUp(
  psi: PsiProcess,
): Promise<{ readonly status: number; readonly text: string; readonly hint: string }> {
  const id = 'a'.repeat(25);
  const mapping = { provider: 'infisical', project: 'main', path: '/app', key: 'A' };
  assert.equal((await ask(psi.socket, 'POST', `/store/${id}`, JSON.stringify(mapping))).status, 200);
  const { status, body, headers } = await ask(psi.socket, 'GET', `/lookup/${id}`);
  return { status, text: body.toString(), hint: String(headers['psi-hint']) };
}

const AWAY = 69;

describe('a proxy that is the only way out', () => {
  test('leads setup and lookups to the server', async () => {
    const { asked } = await asking(
      serve('open', { HTTPS_PROXY: proxy.url() }).then(async (psi) => {
        assert.equal((await lookUp(psi)).text, VALUE);
        const { code, stderr } = await psi.cli('setup');
        assert.equal(code, 0, stderr);
        const dropIn = await readFile(join(psi.systemdDir, 'app.container.d/50-secrets.conf'), 'utf8');
        assert.match(dropIn, /^Secret=app--A,/m);
      }),
    );
    assert.deepEqual(asked, [`CONNECT ${NAME}:443`]);
  });

  test('is given the credentials of the variable, which stand nowhere else', async () => {
    proxy.credentials = CREDENTIALS;
    const psi = await serve('password', { HTTPS_PROXY: proxy.url(CREDENTIALS) });
    assert.equal((await lookUp(psi)).text, VALUE);
    const { code, stdout, stderr } = await psi.cli('setup');
    assert.equal(code, 0, stderr);
    const status = await psi.cli('status', '--json');
    const argv = await readFile(`/proc/${String(psi.pid)}/cmdline`, 'utf8');
    assert.doesNotMatch([psi.log(), stdout, stderr, status.stdout, argv].join('\n'), /canary/);
  });

  test('is named by the key of the config, with a password from a file', async () => {
    proxy.credentials = CREDENTIALS;
    await writeFile(join(dir, 'proxy-url'), `${proxy.url(CREDENTIALS)}\n`, { mode: 0o600 });
    const provider = { proxy: { file: join(dir, 'proxy-url') } };
    assert.match((await login(universal, {}, provider)).stdout, /^OK /);
    const psi = await serve('key', {}, provider);
    assert.equal((await lookUp(psi)).text, VALUE);
    const { code, stderr } = await psi.cli('setup');
    assert.equal(code, 0, stderr);
  });

  for (const credentials of [undefined, CREDENTIALS]) {
    test(`leads logins to the server${credentials === undefined ? '' : ', with credentials'}`, async () => {
      proxy.credentials = credentials;
      const env = { HTTPS_PROXY: proxy.url(credentials) };
      for (const auth of [universal, cloud('gcp')]) {
        const { result, asked } = await asking(login(auth, env));
        assert.match(result.stdout, /^OK infisical: /);
        assert.equal(result.code, 0);
        assert.deepEqual(asked, [`CONNECT ${NAME}:443`]);
      }
    });
  }
});

describe('a metadata service is never asked through a proxy', () => {
  for (const [method, service] of [
    ['gcp', () => google],
    ['azure', () => azure],
    ['aws-iam', () => aws],
  ] as const) {
    test(`for ${method}, whatever the environment says`, async () => {
      const env = {
        HTTPS_PROXY: proxy.url(),
        HTTP_PROXY: proxy.url(),
        ALL_PROXY: proxy.url(),
        NODE_USE_ENV_PROXY: '1',
      };
      const count = service().asked.length;
      const { result, asked } = await asking(login(cloud(method), env));
      assert.match(result.stdout, /^OK infisical: /);
      assert.ok(service().asked.length > count);
      assert.deepEqual(asked, [`CONNECT ${NAME}:443`]);
    });
  }
});

test("AWS's token service is asked through the proxy for a web identity", async () => {
  await writeFile(join(dir, 'web-identity'), 'canary.web.identity');
  const env = {
    HTTPS_PROXY: proxy.url(),
    AWS_WEB_IDENTITY_TOKEN_FILE: join(dir, 'web-identity'),
    AWS_ROLE_ARN: ARN,
    NODE_EXTRA_CA_CERTS: join(dir, 'ca.pem'),
  };
  const { result, asked } = await asking(login(cloud('aws-iam'), env));
  assert.match(result.stdout, /^OK infisical: /);
  assert.deepEqual(asked, [`CONNECT ${STS}:443`, `CONNECT ${NAME}:443`]);
  assert.deepEqual(sts.asked, ['AssumeRoleWithWebIdentity']);
  proxy.mode = 'refuse';
  const refused = await login(cloud('aws-iam'), env);
  assert.match(
    refused.stdout,
    /aws gives no credentials to this host: the proxy 127\.0\.0\.1:\d+ \(from HTTPS_PROXY\) refuses the way to sts\./,
  );
});

describe('a failure at the proxy names it, who named it and what to run', () => {
  const cases: readonly (readonly [string, () => Env, RegExp])[] = [
    [
      'that refuses CONNECT',
      () => {
        proxy.mode = 'refuse';
        return { HTTPS_PROXY: proxy.url() };
      },
      /the proxy 127\.0\.0\.1:\d+ \(from HTTPS_PROXY\) refuses the way to infisical\.example\.test:443: it answered 403/,
    ],
    [
      'that wants credentials',
      () => {
        proxy.credentials = CREDENTIALS;
        return { https_proxy: proxy.url() };
      },
      /the proxy 127\.0\.0\.1:\d+ \(from https_proxy\) wants credentials: it answered 407/,
    ],
    [
      'that does not take the credentials',
      () => {
        proxy.credentials = CREDENTIALS;
        return { HTTPS_PROXY: proxy.url('proxy:canary-wrong') };
      },
      /the proxy 127\.0\.0\.1:\d+ \(from HTTPS_PROXY\) does not take the credentials that it was given: it answered 407/,
    ],
    [
      'that is not there',
      () => ({ ALL_PROXY: 'http://proxy:canary@127.0.0.1:1' }),
      /nobody listens at the proxy 127\.0\.0\.1:1 \(from ALL_PROXY\): connection refused/,
    ],
  ];
  for (const [index, [name, prepare, message]] of cases.entries()) {
    test(name, async () => {
      const env = prepare();
      const { code, stdout } = await login(universal, env);
      assert.match(stdout, message);
      assert.match(stdout, /next: .*`curl -v -x http:\/\/127\.0\.0\.1:/);
      assert.equal(code, AWAY);
      const psi = await serve(`failure-${String(index)}`, env);
      // A setup waits for what may pass.
      const setup = name === 'that is not there' ? undefined : await psi.cli('setup');
      const said = setup === undefined ? '' : setup.stdout + setup.stderr;
      if (setup) assert.match(said, message);
      assert.notEqual(setup?.code, 0);
      const { status, hint } = await lookUp(psi);
      assert.equal(status, 503);
      assert.match(hint, message);
      assert.doesNotMatch(psi.log() + said + hint, /canary/);
    });
  }
});

describe('NO_PROXY', () => {
  const direct = (entry: string, by = 'HTTPS_PROXY'): RegExp =>
    new RegExp(`; ${by} is set and not used: NO_PROXY exempts \\S+ by its entry ${entry.replaceAll('.', '\\.')};? `);

  for (const entry of ['.example.test', 'example.test', '*.example.test', 'infisical.example.test:443', '*']) {
    test(`"${entry}" keeps the server's name from the proxy, and the failure says so`, async () => {
      const env = { HTTPS_PROXY: proxy.url(), NO_PROXY: `other.test,${entry}` };
      const { result, asked } = await asking(login(universal, env));
      assert.match(`${result.stdout} `, /the name of infisical's host cannot be resolved/);
      assert.match(result.stdout, direct(entry.replaceAll('*', '\\*')));
      assert.deepEqual([result.code, asked], [AWAY, []]);
    });
  }

  test('for another port, or another name that ends alike, keeps nothing from it', async () => {
    const NO_PROXY = 'infisical.example.test:8443, cal.example.test, 10.0.0.0/8';
    const { result, asked } = await asking(login(universal, { HTTPS_PROXY: proxy.url(), NO_PROXY }));
    assert.match(result.stdout, /^OK /);
    assert.deepEqual(asked, [`CONNECT ${NAME}:443`]);
  });

  test('with an address, a network or an address with its port leads straight to it', async () => {
    const { host, port } = new URL(plain.url);
    const provider = { api_url: plain.url, allow_http: true };
    const through = await asking(login(universal, { HTTP_PROXY: proxy.url() }, provider));
    assert.match(through.result.stdout, /^OK /);
    assert.ok(through.asked.length > 0, 'the proxy was not asked');
    assert.ok(through.asked.every((line) => line.startsWith(`POST http://${host}/api/`)));
    for (const entry of ['::ffff:7f00:1', '::ffff:0:0/96', `[::ffff:7f00:1]:${port}`]) {
      const { result, asked } = await asking(login(universal, { HTTP_PROXY: proxy.url(), NO_PROXY: entry }, provider));
      assert.match(result.stdout, /^OK /);
      assert.deepEqual(asked, [], entry);
    }
  });
});

test('a key `proxy: none` leaves the environment aside', async () => {
  const { result, asked } = await asking(login(universal, { HTTPS_PROXY: proxy.url() }, { proxy: 'none' }));
  assert.equal(result.code, AWAY);
  assert.deepEqual(asked, []);
  assert.match(result.stdout, /HTTPS_PROXY is set and not used: `proxy` of the provider says none/);
});
