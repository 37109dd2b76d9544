// The way to the server through a proxy: the server is known by a name that only the proxy resolves.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { ConnectionDeps } from '../../../src/adapters/infisical/connection.ts';
import { PsiError } from '../../../src/core/error.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { acceptCertificate } from '../../doubles/infisical/machine-logins.ts';
import { makeTestAuthority, type TestAuthority } from '../../doubles/infisical/test-authority.ts';
import { startHttpProxy, type HttpProxy } from '../../doubles/http-proxy.ts';
import { BY_IDENTITY, IDENTITY, readA, startIdentityStage } from './identity-stage.ts';
import { at, CLIENT_SECRET, PROD, read, startStage, type Stage } from './stage.ts';

// Of the C library's resolver: also where no name server answers, a name ends unresolved within seconds.
process.env['RES_OPTIONS'] = 'timeout:1 attempts:1';

const NAME = 'infisical.example.test';
const VALUE = 'value of A';
const CREDENTIALS = 'b0b@home:canary%2Fpass word';
const IN_URL = 'b0b%40home:canary%252Fpass%20word';

let authority: TestAuthority;
let proxy: HttpProxy;
let secure: Stage;
let plain: Stage;

before(async () => {
  authority = await makeTestAuthority([NAME]);
  secure = await startStage({ double: { tls: authority.server } });
  plain = await startStage();
  for (const stage of [secure, plain]) stage.double.state.setSecret({ ...PROD, key: 'A', value: VALUE });
  proxy = await startHttpProxy({
    routes: { [`${NAME}:443`]: new URL(secure.double.url).host, [`${NAME}:80`]: new URL(plain.double.url).host },
  });
});
after(async () => {
  await proxy.close();
  await secure.stop();
  await plain.stop();
});
beforeEach(() => {
  proxy.mode = 'serve';
  proxy.credentials = undefined;
});

type Env = Readonly<Record<string, string>>;

const overTls = (env: Env, more: Partial<ConnectionDeps> = {}): Promise<string> =>
  readA(secure.restart({ apiUrl: `https://${NAME}`, caCert: authority.ca, env, ...more }));
const overPlain = (env: Env, more: Partial<ConnectionDeps> = {}): Promise<string> =>
  readA(plain.restart({ apiUrl: `http://${NAME}`, env, ...more }));

async function failed(reading: Promise<unknown>): Promise<PsiError> {
  const error: unknown = await reading.then(
    () => assert.fail('it answered'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof PsiError, String(error));
  const text = `${error.message} ${error.hint ?? ''} ${JSON.stringify(error.details)} ${String(error.cause)}`;
  assert.doesNotMatch(text, /canary|b0b|YjBi/);
  return error;
}

const named = (from: string): string => `the proxy 127.0.0.1:${String(proxy.port)} (from ${from})`;

describe('a proxy that the environment names', () => {
  for (const variable of ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy']) {
    test(`as ${variable} is asked to open the way to an https address`, async () => {
      const asked = proxy.asked.length;
      assert.equal(await overTls({ [variable]: proxy.url() }), VALUE);
      assert.deepEqual(new Set(proxy.asked.slice(asked)), new Set([`CONNECT ${NAME}:443`]));
    });
  }

  for (const variable of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY']) {
    test(`as ${variable} is asked for the whole http address`, async () => {
      const asked = proxy.asked.length;
      assert.equal(await overPlain({ [variable]: proxy.url() }), VALUE);
      assert.ok(proxy.asked.length > asked);
      for (const line of proxy.asked.slice(asked)) assert.ok(line.includes(` http://${NAME}/api/`), line);
    });
  }

  test('may be written without a scheme', async () => {
    assert.equal(await overTls({ HTTPS_PROXY: `127.0.0.1:${String(proxy.port)}` }), VALUE);
  });

  test('keeps its connections for the next call', async () => {
    const source = secure.restart({
      apiUrl: `https://${NAME}`,
      caCert: authority.ca,
      env: { HTTPS_PROXY: proxy.url() },
    });
    await readA(source);
    const asked = proxy.asked.length;
    await readA(source);
    await readA(source);
    assert.equal(proxy.asked.length, asked);
  });

  test('is asked for no more ways at once than a server for connections', async () => {
    const source = secure.restart({
      apiUrl: `https://${NAME}`,
      caCert: authority.ca,
      env: { HTTPS_PROXY: proxy.url() },
    });
    await readA(source);
    const asked = proxy.asked.length;
    assert.deepEqual(new Set(await Promise.all(Array.from({ length: 100 }, () => readA(source)))), new Set([VALUE]));
    assert.ok(proxy.asked.length - asked < 50, `${String(proxy.asked.length - asked)} tunnels for 100 calls`);
    assert.ok(proxy.open() <= 16 + 16, `${String(proxy.open())} connections`);
  });

  test('is logged in to with the credentials of its address, on both ways', async () => {
    proxy.credentials = CREDENTIALS;
    assert.equal(await overTls({ HTTPS_PROXY: proxy.url(IN_URL) }), VALUE);
    assert.equal(await overPlain({ http_proxy: proxy.url(IN_URL) }), VALUE);
  });

  test('may speak TLS itself, trusted by `ca_cert`', async () => {
    const own = await startHttpProxy({
      routes: { [`${NAME}:443`]: new URL(secure.double.url).host },
      tls: authority.server,
    });
    try {
      assert.equal(await overTls({ HTTPS_PROXY: own.url() }), VALUE);
      const error = await failed(overTls({ HTTPS_PROXY: own.url() }, { caCert: undefined }));
      assert.match(error.message, /^the connection to the proxy 127\.0\.0\.1:\d+ \(from HTTPS_PROXY\) failed \(\w+\)$/);
      assert.match(error.hint ?? '', /`ca_cert`/);
    } finally {
      await own.close();
    }
  });

  test('carries a login by certificate too, which the proxy does not see', async () => {
    const tls = { ...authority.server, clients: { ca: authority.ca, must: false } };
    const stage = await startIdentityStage({ double: { tls }, source: { caCert: authority.ca } });
    const own = await startHttpProxy({ routes: { [`${NAME}:443`]: new URL(stage.double.url).host } });
    try {
      stage.fields.set('certificate', authority.client.cert);
      stage.fields.set('key', authority.client.key);
      const rule = acceptCertificate({ ca: authority.ca, commonName: 'psi-host' });
      stage.double.logins.allow({ method: 'tls-cert-auth', identityId: IDENTITY, rule });
      const auth = {
        method: 'tls-cert',
        ...BY_IDENTITY,
        certificate: at('certificate'),
        privateKey: at('key'),
      } as const;
      const env = { HTTPS_PROXY: own.url() };
      assert.equal(await readA(stage.as(auth, { apiUrl: `https://${NAME}`, env })), VALUE);
      assert.equal(own.asked.length, 2);
      own.mode = 'refuse';
      stage.tokens.files.clear();
      const error = await failed(readA(stage.as(auth, { apiUrl: `https://${NAME}`, env })));
      assert.match(error.message, /refuses the way to infisical\.example\.test:443: it answered 403/);
    } finally {
      await own.close();
      await stage.stop();
    }
  });
});

describe('the key of the config', () => {
  const key = (text: string): Partial<ConnectionDeps> => ({
    proxy: { kind: 'text', value: SecretValue.fromText(text) },
    resolveSecret: (field) =>
      Promise.resolve(field.kind === 'text' ? field.value : SecretValue.fromText(CLIENT_SECRET)),
  });

  test('goes before the environment, NO_PROXY too', async () => {
    const env = { HTTPS_PROXY: 'http://127.0.0.1:1', NO_PROXY: '*' };
    assert.equal(await overTls(env, key(proxy.url())), VALUE);
    assert.equal(await overPlain(env, key(proxy.url())), VALUE);
  });

  test('`none` leaves the environment aside, and a failure says so', async () => {
    const error = await failed(overTls({ HTTPS_PROXY: proxy.url(IN_URL) }, { proxy: 'none' }));
    assert.match(
      error.message,
      /cannot be resolved.*; HTTPS_PROXY is set and not used: `proxy` of the provider says none$/,
    );
  });

  test('is read from where it refers to, and anew after it was refused', async () => {
    proxy.credentials = CREDENTIALS;
    let text = proxy.url('b0b:canary-old');
    const source = secure.restart({
      apiUrl: `https://${NAME}`,
      caCert: authority.ca,
      proxy: at('the proxy'),
      resolveSecret: (asked) =>
        Promise.resolve(
          SecretValue.fromText(asked.kind === 'file' && asked.path === 'the proxy' ? text : CLIENT_SECRET),
        ),
    });
    const error = await failed(readA(source));
    assert.equal(
      error.message,
      `${named('`proxy` of the provider')} does not take the credentials that it was given: it answered 407`,
    );
    text = proxy.url(IN_URL);
    assert.equal(await readA(source), VALUE);
  });

  test('that refers to no proxy says so, and not what it is', async () => {
    for (const text of ['socks5://canary:1080', 'http://', 'canary.canary', 'canary canary']) {
      const error = await failed(overTls({}, key(text)));
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.match(error.message, /^what `proxy` of the provider refers to is no proxy: /);
    }
  });
});

describe('a failure names the proxy and who named it', () => {
  test('that wants credentials', async () => {
    proxy.credentials = CREDENTIALS;
    for (const error of [
      await failed(overTls({ HTTPS_PROXY: proxy.url() })),
      await failed(overPlain({ HTTP_PROXY: proxy.url() })),
    ]) {
      assert.equal(error.code, 'PROVIDER_DOWN');
      assert.match(
        error.message,
        /^the proxy 127\.0\.0\.1:\d+ \(from HTTPS?_PROXY\) wants credentials: it answered 407$/,
      );
      assert.match(
        error.hint ?? '',
        /^`curl -v -x http:\/\/127\.0\.0\.1:\d+ --proxy-user USER https?:\/\/infisical\.example\.test\/api\/status` on this host/,
      );
    }
  });

  test('that refuses', async () => {
    proxy.mode = 'refuse';
    const error = await failed(overTls({ https_proxy: proxy.url() }));
    assert.equal(error.message, `${named('https_proxy')} refuses the way to ${NAME}:443: it answered 403`);
    assert.match(error.hint ?? '', /allow CONNECT .*`curl -v -x http:/);
    assert.equal(error.retry, 'no');
  });

  test('that cannot reach the server, after other tries', async () => {
    const asked = proxy.asked.length;
    const error = await failed(
      overTls({ HTTPS_PROXY: proxy.url() }, { apiUrl: 'https://nowhere.example.test', proxy: undefined }),
    );
    assert.equal(error.message, `${named('HTTPS_PROXY')} cannot reach nowhere.example.test:443: it answered 503`);
    assert.equal(error.retry, 'later');
    assert.equal(proxy.asked.length - asked, 3);
    const unnamed = await failed(overPlain({ HTTP_PROXY: proxy.url() }, { apiUrl: 'http://nowhere.example.test' }));
    assert.equal(
      unnamed.message,
      `${named('HTTP_PROXY')}, or one behind it, cannot reach nowhere.example.test:80: it answered 503`,
    );
    assert.equal(unnamed.retry, 'later');
  });

  test('at which nobody listens', async () => {
    for (const error of [
      await failed(overTls({ HTTPS_PROXY: 'http://u:canary@127.0.0.1:1' })),
      await failed(overPlain({ HTTP_PROXY: 'http://u:canary@127.0.0.1:1' })),
    ]) {
      assert.match(
        error.message,
        /^nobody listens at the proxy 127\.0\.0\.1:1 \(from HTTPS?_PROXY\): connection refused$/,
      );
      assert.match(
        error.hint ?? '',
        /^is HTTPS?_PROXY of psi\.container right\? try `curl -v -x http:\/\/127\.0\.0\.1:1 http/,
      );
    }
  });

  test('whose name does not resolve', async () => {
    for (const error of [
      await failed(overTls({ HTTPS_PROXY: 'http://proxy.invalid:3128' })),
      await failed(overPlain({ HTTP_PROXY: 'http://proxy.invalid:3128' })),
    ]) {
      assert.match(
        error.message,
        /^the name of the proxy proxy\.invalid:3128 \(from HTTPS?_PROXY\) cannot be resolved \(E/,
      );
      assert.match(error.hint ?? '', /^`getent hosts proxy\.invalid`/);
    }
  });

  test('that is none', async () => {
    for (const mode of ['garbage', 'endless'] as const) {
      proxy.mode = mode;
      const error = await failed(overTls({ HTTPS_PROXY: proxy.url() }));
      assert.match(error.message, /^what answers at the proxy .* is no http proxy$/, mode);
    }
    proxy.mode = 'garbage';
    assert.match((await failed(overPlain({ HTTP_PROXY: proxy.url() }))).message, /is no http proxy$/);
  });

  test('that ends the connection', async () => {
    proxy.mode = 'drop';
    const error = await failed(overTls({ HTTPS_PROXY: proxy.url() }));
    assert.match(
      error.message,
      /^the proxy .* closed the connection before the way to infisical\.example\.test:443 was open/,
    );
  });

  test('that opens no way, or one that leads nowhere, within 3 s', async () => {
    proxy.mode = 'hang';
    const began = Date.now();
    const silent = await failed(overTls({ HTTPS_PROXY: proxy.url() }));
    assert.equal(silent.message, `${named('HTTPS_PROXY')} opened no way to ${NAME}:443 within 3 s`);
    assert.ok(Date.now() - began < 6_000);
    proxy.mode = 'swallow';
    const nowhere = await failed(overTls({ HTTPS_PROXY: proxy.url() }));
    assert.equal(nowhere.message, `${NAME}:443 began no TLS within 3 s behind ${named('HTTPS_PROXY')}`);
  });

  test('when the caller waits no longer', async () => {
    proxy.mode = 'hang';
    const source = secure.restart({
      apiUrl: `https://${NAME}`,
      caCert: authority.ca,
      env: { HTTPS_PROXY: proxy.url() },
    });
    const error = await failed(source.get({ project: 'main', path: '/', key: 'A' }, AbortSignal.timeout(200)));
    assert.equal(error.code, 'DEADLINE');
    assert.match(
      error.message,
      /^infisical at infisical\.example\.test:443 through the proxy .* did not answer in time/,
    );
  });

  test('behind which the certificate is not trusted', async () => {
    const error = await failed(overTls({ HTTPS_PROXY: proxy.url() }, { caCert: undefined }));
    assert.match(
      error.message,
      /^the certificate of infisical at .* is not trusted .*; the way there goes through the proxy .* \(from HTTPS_PROXY\)$/,
    );
    assert.match(
      error.hint ?? '',
      /`openssl s_client -proxy 127\.0\.0\.1:\d+ -connect infisical\.example\.test:443 -showcerts`/,
    );
  });
});

describe('a variable that is set and not used is named by the failure', () => {
  const cases: readonly (readonly [string, Env, RegExp])[] = [
    [
      'NO_PROXY',
      { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'a.test, .example.test' },
      /; HTTPS_PROXY is set and not used: NO_PROXY exempts infisical\.example\.test by its entry \.example\.test$/,
    ],
    [
      'no_proxy',
      { https_proxy: 'http://p:1', no_proxy: '*' },
      /; https_proxy is set and not used: no_proxy exempts .* by its entry \*$/,
    ],
    [
      'another kind of address',
      { HTTP_PROXY: 'http://p:1' },
      /; HTTP_PROXY is set and not used: it is for http addresses$/,
    ],
    [
      'SOCKS',
      { ALL_PROXY: 'socks5://u:canary@p:1080' },
      /; ALL_PROXY is set and not used: psi speaks to http and https proxies, and not socks5:\/\/$/,
    ],
    [
      'no address',
      { HTTPS_PROXY: 'http://canary canary' },
      /; HTTPS_PROXY is set and not used: it is no address of a proxy$/,
    ],
    [
      "Node's own switch",
      { NODE_USE_ENV_PROXY: '1' },
      /; NODE_USE_ENV_PROXY is set and not used: psi goes by HTTPS_PROXY/,
    ],
  ];
  for (const [name, env, message] of cases) {
    test(`for ${name}`, async () => {
      const error = await failed(overTls(env));
      assert.match(error.message, /^the name of infisical's host cannot be resolved/);
      assert.match(error.message, message);
    });
  }

  test('for an address of this host', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((closed) => server.close(closed));
    const error = await failed(overPlain({ HTTP_PROXY: proxy.url() }, { apiUrl: `http://127.0.0.1:${String(port)}` }));
    assert.match(error.message, /; HTTP_PROXY is set and not used: the address is this host itself$/);
  });

  test('and not by an answer', async () => {
    const error = await failed(read(plain.restart({ env: { HTTP_PROXY: 'http://p:1' } }), 'NOT_THERE'));
    assert.doesNotMatch(error.message, /HTTP_PROXY/);
  });
});
