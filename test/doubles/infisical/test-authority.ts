// A throw-away certificate authority, a server certificate for 127.0.0.1, localhost and further names, and a client certificate, made by
// openssl: Node can read X.509 but not issue it. Nothing is left on disk.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TlsMaterial } from './listener.ts';

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface TestAuthority {
  readonly ca: string;
  readonly server: TlsMaterial;
  /** CN=psi-host */
  readonly client: TlsMaterial;
}

export async function makeTestAuthority(names: readonly string[] = []): Promise<TestAuthority> {
  const dir = await mkdtemp(join(tmpdir(), 'double-ca-'));
  const file = (name: string): string => join(dir, name);
  const openssl = (...args: readonly string[]) => run('openssl', args, { cwd: dir });
  try {
    const alternatives = ['IP:127.0.0.1', ...['localhost', ...names].map((name) => `DNS:${name}`)].join(',');
    await writeFile(file('san'), `subjectAltName=${alternatives}\nbasicConstraints=CA:FALSE\n`);
    const subject = ['-subj', '/CN=double test authority'];
    await openssl('req', '-x509', ...KEY, ...subject, '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem');
    const issue = async (name: string, commonName: string): Promise<TlsMaterial> => {
      const [key, csr, cert] = [`${name}.key`, `${name}.csr`, `${name}.pem`];
      await openssl('req', '-new', ...KEY, '-subj', `/CN=${commonName}`, '-keyout', key, '-out', csr);
      const issuer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'san'];
      await openssl('x509', '-req', '-in', csr, ...issuer, '-days', '2', '-out', cert);
      return { key: await readFile(file(key), 'utf8'), cert: await readFile(file(cert), 'utf8') };
    };
    const server = await issue('server', 'localhost');
    const client = await issue('client', 'psi-host');
    return { ca: await readFile(file('ca.pem'), 'utf8'), server, client };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
