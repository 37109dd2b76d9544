// A throw-away certificate authority and a server certificate for 127.0.0.1 and localhost, made by openssl:
// Node can read X.509 but not issue it. Nothing is left on disk.
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
}

export async function makeTestAuthority(): Promise<TestAuthority> {
  const dir = await mkdtemp(join(tmpdir(), 'double-ca-'));
  const file = (name: string): string => join(dir, name);
  const openssl = (...args: readonly string[]) => run('openssl', args, { cwd: dir });
  try {
    await writeFile(file('san'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n');
    const subject = ['-subj', '/CN=double test authority'];
    await openssl('req', '-x509', ...KEY, ...subject, '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem');
    await openssl('req', '-new', ...KEY, '-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'csr.pem');
    const issuer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'san'];
    await openssl('x509', '-req', '-in', 'csr.pem', ...issuer, '-days', '2', '-out', 'cert.pem');
    const [ca, key, cert] = await Promise.all(
      ['ca.pem', 'key.pem', 'cert.pem'].map((name) => readFile(file(name), 'utf8')),
    );
    if (ca === undefined || key === undefined || cert === undefined) throw new Error('openssl wrote no certificate');
    return { ca, server: { key, cert } };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
