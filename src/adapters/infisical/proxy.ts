// By which way a host is reached: straight, or through a proxy that the config or the environment names. What is set and not used is
// kept as words for the failure that it may be the cause of.

import { isIP } from 'node:net';
import { PsiError } from '../../core/error.ts';
import type { SecretField, TokenSource } from '../../core/secret-field.ts';
import { SecretValue } from '../../core/secret-value.ts';
import { exemption, type Target } from './no-proxy.ts';

/** `proxy` of the provider. It may hold a password. */
export type ProxySetting = 'none' | SecretField;

export type Proxy = {
  readonly protocol: 'http:' | 'https:';
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** As an address, for commands of people: without credentials. */
  readonly shown: string;
  /** `USER:PASSWORD`, both encoded as in an address. */
  readonly credentials: SecretValue | undefined;
  /** Host and port, and who named it. */
  readonly name: string;
  /** Who named it: a variable, or the key of the config. */
  readonly from: string;
};

export type Way = {
  readonly proxy: Proxy | undefined;
  /** What is set and not used, and why: behind a message, or empty. */
  readonly unused: string;
};

export type ProxyDeps = {
  readonly proxy: ProxySetting | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A fresh read of a secret-valued field. */
  readonly resolveSecret: (field: TokenSource) => Promise<SecretValue>;
};

/** The way to any address, as far as it is known without asking again. */
export type WayTo = (url: URL) => Way;

const KEY = '`proxy` of the provider';

/** Fails with CONFIG_INVALID where the key of the config refers to nothing, or to no proxy. */
export async function readWays({ proxy, env, resolveSecret }: ProxyDeps): Promise<WayTo> {
  if (proxy === undefined) return (url) => byEnvironment(url, env);
  const given = proxy === 'none' ? undefined : parseKey((await resolveSecret(proxy)).exposeText().trim());
  if (typeof given === 'string') {
    throw new PsiError('CONFIG_INVALID', `what ${KEY} refers to is no proxy: ${given}`, {
      hint: 'it takes http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ in front of the host where the proxy wants them, or none',
    });
  }
  const why = given === undefined ? `${KEY} says none` : `${KEY} goes before it`;
  const unused = words(setVariables(env).map((name) => [name, why]));
  return (url) => (isMetadata(url) ? { proxy: undefined, unused: '' } : { proxy: given, unused });
}

const FOR_HTTPS = ['https_proxy', 'HTTPS_PROXY'];
const FOR_HTTP = ['http_proxy', 'HTTP_PROXY'];
const FOR_ALL = ['all_proxy', 'ALL_PROXY'];

type Unused = readonly [name: string, why: string];

function byEnvironment(url: URL, env: ProxyDeps['env']): Way {
  if (isMetadata(url)) return { proxy: undefined, unused: '' };
  const secure = url.protocol === 'https:';
  const wanted = new Set([...(secure ? FOR_HTTPS : FOR_HTTP), ...FOR_ALL]);
  const unused: Unused[] = [];
  const exempt = exempted(url, env);
  for (const name of setVariables(env)) {
    if (!wanted.has(name)) {
      unused.push([name, `it is for ${secure ? 'http' : 'https'} addresses`]);
      continue;
    }
    const found = exempt ?? parseProxy(env[name] ?? '', name);
    if (typeof found === 'string') unused.push([name, found]);
    // One for the other kind of addresses is no wonder beside one that is used.
    else return { proxy: found, unused: words(unused.filter(([one]) => wanted.has(one))) };
  }
  if (isSet(env['NODE_USE_ENV_PROXY'])) {
    unused.push(['NODE_USE_ENV_PROXY', 'psi goes by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY alone']);
  }
  return { proxy: undefined, unused: words(unused) };
}

/** Those for https first; of a pair in small and capital letters with the same text the first. */
function setVariables(env: ProxyDeps['env']): readonly string[] {
  return [FOR_HTTPS, FOR_HTTP, FOR_ALL].flatMap(([lower = '', upper = '']) => {
    const set = [lower, upper].filter((name) => isSet(env[name]));
    return env[lower] === env[upper] ? set.slice(-1) : set;
  });
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

function exempted(url: URL, env: ProxyDeps['env']): string | undefined {
  const target = targetOf(url);
  if (isLoopback(target.host)) return 'the address is this host itself';
  for (const name of ['no_proxy', 'NO_PROXY']) {
    const entry = exemption(env[name] ?? '', target);
    if (entry !== undefined) return `${name} exempts ${target.host} by its entry ${entry.slice(0, 100)}`;
  }
  return undefined;
}

/** With a scheme: a name alone may be another secret, by a reference to the wrong file, and would stand in messages. */
function parseKey(text: string): Proxy | string {
  return text.includes('://') ? parseProxy(text, KEY) : 'it has no scheme';
}

/** Else why it is none, without repeating any of it. */
function parseProxy(text: string, from: string): Proxy | string {
  // curl and others take a proxy without a scheme for http.
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(whole)) return 'it is no address of a proxy';
  const url = new URL(whole);
  const { protocol, username, password } = url;
  if (protocol !== 'http:' && protocol !== 'https:') {
    return `psi speaks to http and https proxies, and not ${protocol.slice(0, 20)}//`;
  }
  const { host, port } = targetOf(url);
  const where = authority({ host, port });
  const credentials = username === '' && password === '' ? undefined : `${encoded(username)}:${encoded(password)}`;
  return {
    protocol,
    host,
    port,
    shown: `${protocol}//${where}`,
    credentials: credentials === undefined ? undefined : SecretValue.fromText(credentials),
    name: `the proxy ${where} (from ${from})`,
    from,
  };
}

/** So that it can be decoded again: people write a bare `%` too. */
function encoded(part: string): string {
  return encodeURIComponent(decoded(part));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The header that logs in at the proxy; undefined: it is not asked for. */
export function proxyAuthorization({ credentials }: Proxy): string | undefined {
  if (credentials === undefined) return undefined;
  const plain = credentials.exposeText().split(':').map(decoded).join(':');
  return `Basic ${Buffer.from(plain).toString('base64')}`;
}

export function targetOf({ protocol, hostname, port }: URL): Target {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return { host, port: Number(port || (protocol === 'https:' ? 443 : 80)) };
}

export function authority({ host, port }: Target): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(?:\.\d+){3}$/.test(host);
}

/** Of this very machine: a proxy would answer with its own machine's identity, or not at all. */
function isMetadata(url: URL): boolean {
  const { host, port } = targetOf(url);
  return exemption('169.254.0.0/16,fe80::/10,fd00:ec2::/32,metadata.google.internal', { host, port }) !== undefined;
}

/** Behind the message of a failure that may lie in the way. */
export function wayWords({ proxy, unused }: Way): string {
  return `${proxy === undefined ? '' : `; the way there goes through ${proxy.name}`}${unused}`;
}

function words(unused: readonly Unused[]): string {
  return unused.map(([name, why]) => `; ${name} is set and not used: ${why}`).join('');
}
