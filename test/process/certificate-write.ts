// A process that puts one certificate in place, once for each folder of its argv, for a test that kills it. stdin: the material as JSON.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateFileSystem } from '../../src/adapters/files/certificate-files.ts';
import type { CertificateOutput } from '../../src/certificates/certificate.ts';
import { SecretValue } from '../../src/core/secret-value.ts';

export const outputIn = (folder: string): CertificateOutput => ({
  cert: join(folder, 'certs/web.pem'),
  key: join(folder, 'private/web.key'),
  chain: join(folder, 'certs/chain.pem'),
  ca: undefined,
  mode: '0644',
});

if (import.meta.main) {
  const { certificate, chain, key, now } = JSON.parse(readFileSync(0, 'utf8')) as Record<string, string>;
  const material = {
    certificate: certificate ?? '',
    chain: chain ?? '',
    ca: undefined,
    key: SecretValue.fromText(key ?? ''),
  };
  for (const folder of process.argv.slice(2)) {
    await new CertificateFileSystem().replace('web', outputIn(folder), material, Number(now));
  }
}
