// Real X.509: a root, an authority below it and leaves, signed by openssl with the dates that the double's clock says. Nothing stays on disk.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LeafWish {
  readonly commonName: string;
  readonly altNames: readonly { readonly type: string; readonly value: string }[];
  readonly keyAlgorithm: string;
  readonly digest: string;
  readonly keyUsages: readonly string[];
  readonly extendedKeyUsages: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Leaf {
  readonly certificate: string;
  readonly privateKey: string;
  readonly serialNumber: string;
}

interface Signer {
  readonly certificate: string;
  readonly privateKey: string;
}

const CONFIG = `
[ca]
default_ca = here
[here]
database = index
unique_subject = no
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
`;

const FOREVER = { notBefore: Date.UTC(2020, 0, 1), notAfter: Date.UTC(2049, 11, 31) };
const CA_EXTENSIONS =
  'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n';

export class PkiAuthority {
  #made: { readonly root: Signer; readonly issuer: Signer } | undefined;

  /** The authority that signs leaves. */
  get issuer(): string {
    return this.#authorities().issuer.certificate;
  }

  get root(): string {
    return this.#authorities().root.certificate;
  }

  issue(wish: LeafWish): Leaf {
    const privateKey = makeKey(wish.keyAlgorithm);
    const extensions = leafExtensions(wish);
    const certificate = sign({ ...wish, privateKey, extensions }, this.#authorities().issuer);
    const { serialNumber } = new X509Certificate(certificate);
    return { certificate, privateKey, serialNumber };
  }

  #authorities(): { readonly root: Signer; readonly issuer: Signer } {
    if (this.#made) return this.#made;
    const make = (commonName: string, by?: Signer): Signer => {
      const privateKey = makeKey('EC_prime256v1');
      const wish = { commonName, digest: 'sha256', privateKey, extensions: CA_EXTENSIONS, ...FOREVER };
      return { privateKey, certificate: sign(wish, by) };
    };
    const root = make('double root');
    this.#made = { root, issuer: make('double issuing authority', root) };
    return this.#made;
  }
}

interface SignWish {
  readonly commonName: string;
  readonly digest: string;
  readonly privateKey: string;
  readonly extensions: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Without a signer it signs itself. */
function sign(wish: SignWish, by: Signer | undefined): string {
  const dir = mkdtempSync(join(tmpdir(), 'double-pki-'));
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  try {
    const write = (name: string, text: string): void => {
      writeFileSync(join(dir, name), text, { mode: 0o600 });
    };
    write('config', CONFIG);
    write('index', '');
    write('key', wish.privateKey);
    write('extensions', wish.extensions);
    const subject = `/CN=${wish.commonName.replace(/[/+\\]/g, '\\$&')}`;
    openssl('req', '-new', '-utf8', '-key', 'key', '-subj', subject, '-out', 'request');
    if (by) {
      write('by', by.certificate);
      write('by.key', by.privateKey);
    }
    const signer = by ? ['-cert', 'by', '-keyfile', 'by.key'] : ['-selfsign', '-keyfile', 'key'];
    const dates = ['-startdate', asn1Time(wish.notBefore), '-enddate', asn1Time(wish.notAfter)];
    const files = ['-config', 'config', '-extfile', 'extensions', '-in', 'request', '-out', 'leaf'];
    openssl('ca', '-batch', '-notext', '-utf8', '-md', wish.digest, ...dates, ...signer, ...files);
    return readFileSync(join(dir, 'leaf'), 'utf8');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function asn1Time(ms: number): string {
  return `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
}

const CURVES: Readonly<Record<string, string>> = {
  EC_prime256v1: 'P-256',
  EC_secp384r1: 'P-384',
  EC_secp521r1: 'P-521',
};

export const KEY_ALGORITHMS = ['RSA_2048', 'RSA_3072', 'RSA_4096', ...Object.keys(CURVES)];

function makeKey(algorithm: string): string {
  const namedCurve = CURVES[algorithm];
  const { privateKey } =
    namedCurve === undefined
      ? generateKeyPairSync('rsa', { modulusLength: Number(algorithm.slice(4)) })
      : generateKeyPairSync('ec', { namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const USAGES: Readonly<Record<string, string>> = {
  digital_signature: 'digitalSignature',
  key_encipherment: 'keyEncipherment',
  key_agreement: 'keyAgreement',
  data_encipherment: 'dataEncipherment',
  non_repudiation: 'nonRepudiation',
  server_auth: 'serverAuth',
  client_auth: 'clientAuth',
};

const ALT_NAMES: Readonly<Record<string, string>> = { dns_name: 'DNS', ip_address: 'IP', email: 'email', uri: 'URI' };

function leafExtensions({ altNames, keyUsages, extendedKeyUsages }: LeafWish): string {
  const names = altNames.map(({ type, value }, index) => `${ALT_NAMES[type] ?? type}.${String(index + 1)}=${value}`);
  const usages = (list: readonly string[]): string => list.map((usage) => USAGES[usage] ?? usage).join(',');
  return [
    'basicConstraints=critical,CA:FALSE',
    'subjectKeyIdentifier=hash',
    'authorityKeyIdentifier=keyid',
    `keyUsage=critical,${keyUsages.length === 0 ? 'digitalSignature' : usages(keyUsages)}`,
    `extendedKeyUsage=${extendedKeyUsages.length === 0 ? 'serverAuth' : usages(extendedKeyUsages)}`,
    ...(names.length === 0 ? [] : ['subjectAltName=@names', '[names]', ...names]),
    '',
  ].join('\n');
}
