// By which way an address is reached, from the environment and from the config.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { proxyAuthorization, readWays, wayWords, type Way } from '../../../../src/adapters/infisical/proxy.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';

type Env = Readonly<Record<string, string>>;

async function way(url: string, env: Env, proxy?: string): Promise<Way> {
  const text = { kind: 'text', value: SecretValue.fromText(proxy ?? '') } as const;
  const setting = proxy === undefined || proxy === 'none' ? proxy : text;
  const ways = await readWays({ env, proxy: setting, resolveSecret: () => Promise.resolve(text.value) });
  return ways(new URL(url));
}

const SERVER = 'https://infisical.example.test';

describe('the environment', () => {
  test('prefers small letters, and the variable for the kind of address', async () => {
    const env = { https_proxy: 'http://one:1', HTTPS_PROXY: 'http://two:2', all_proxy: 'http://three:3' };
    assert.equal((await way(SERVER, env)).proxy?.shown, 'http://one:1');
    assert.equal((await way('http://infisical.example.test', env)).proxy?.shown, 'http://three:3');
    assert.equal(
      (await way(SERVER, { ALL_PROXY: 'http://three:3' })).proxy?.name,
      'the proxy three:3 (from ALL_PROXY)',
    );
  });

  test('names a variable once that is set in both spellings', async () => {
    const { unused } = await way(SERVER, { http_proxy: 'http://one:1', HTTP_PROXY: 'http://one:1' });
    assert.equal(unused, '; HTTP_PROXY is set and not used: it is for http addresses');
  });

  test('takes the next one where the first is none, and says why', async () => {
    const found = await way(SERVER, { HTTPS_PROXY: 'socks5h://one:1', ALL_PROXY: 'http://two:2' });
    assert.equal(found.proxy?.from, 'ALL_PROXY');
    assert.equal(
      found.unused,
      '; HTTPS_PROXY is set and not used: psi speaks to http and https proxies, and not socks5h://',
    );
    assert.equal(wayWords(found), `; the way there goes through the proxy two:2 (from ALL_PROXY)${found.unused}`);
  });

  test('takes empty text for nothing', async () => {
    assert.deepEqual(await way(SERVER, { HTTPS_PROXY: '', ALL_PROXY: '', NO_PROXY: '' }), {
      proxy: undefined,
      unused: '',
    });
  });

  test('knows ports and IPv6', async () => {
    assert.equal((await way(SERVER, { HTTPS_PROXY: 'http://proxy' })).proxy?.port, 80);
    assert.equal((await way(SERVER, { HTTPS_PROXY: 'https://proxy' })).proxy?.port, 443);
    const six = (await way(SERVER, { HTTPS_PROXY: 'http://[fd00::1]:3128' })).proxy;
    assert.deepEqual([six?.host, six?.shown], ['fd00::1', 'http://[fd00::1]:3128']);
  });

  test('reads credentials as people write them', async () => {
    const basic = async (credentials: string): Promise<string> => {
      const { proxy } = await way(SERVER, { HTTPS_PROXY: `http://${credentials}@proxy:3128` });
      assert.ok(proxy);
      assert.doesNotMatch(JSON.stringify(proxy), /user|pass/);
      return Buffer.from((proxyAuthorization(proxy) ?? '').replace(/^Basic /, ''), 'base64').toString();
    };
    assert.equal(await basic('user:pass'), 'user:pass');
    assert.equal(await basic('user'), 'user:');
    assert.equal(await basic('us%40er:pa%3Ass%25'), 'us@er:pa:ss%');
    assert.equal(await basic('user:100%'), 'user:100%');
  });

  test('is left aside for this host, also under NO_PROXY', async () => {
    for (const url of ['http://localhost:8080', 'http://127.0.0.9', 'https://[::1]:8443', 'http://psi.localhost']) {
      assert.equal((await way(url, { ALL_PROXY: 'http://one:1' })).proxy, undefined, url);
    }
  });
});

test('no setting leads to a metadata service by a proxy', async () => {
  for (const host of [
    '169.254.169.254',
    '169.254.170.2',
    '[fd00:ec2::254]',
    '[fd00:ec2::23]',
    'metadata.google.internal',
  ]) {
    for (const scheme of ['http', 'https']) {
      assert.equal((await way(`${scheme}://${host}/latest`, { ALL_PROXY: 'http://one:1' })).proxy, undefined, host);
      assert.equal((await way(`${scheme}://${host}/latest`, {}, 'http://one:1')).proxy, undefined, host);
    }
  }
});

describe('the key of the config', () => {
  test('is used for this host too', async () => {
    assert.equal((await way('http://127.0.0.1:8080', {}, 'http://one:1')).proxy?.from, '`proxy` of the provider');
  });

  test('names what it takes the place of', async () => {
    const { unused } = await way(SERVER, { HTTPS_PROXY: 'http://two:2' }, 'http://one:1');
    assert.equal(unused, '; HTTPS_PROXY is set and not used: `proxy` of the provider goes before it');
  });
});
