// The layout on disk: links into a store, taken over from plain files without a reader noticing.
import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CertificateFileSystem } from '../../src/adapters/files/certificate-files.ts';
import { factsOfPair } from '../../src/adapters/files/certificate-pair.ts';
import type { CertificateOutput } from '../../src/certificates/certificate.ts';
import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { CertificateMaterial } from '../../src/certificates/certificate-authority.ts';
import { certificateFilesContract } from './certificate-files.contract.ts';
import { WANTED } from './certificate-authority.contract.ts';
import { FakeCertificateFiles } from '../fakes/certificate-files.fake.ts';
import { FakeClock } from '../fakes/clock.fake.ts';
import { makeMaterial, NOW } from '../doubles/infisical/pki-material.ts';

const root = await mkdtemp(join(tmpdir(), 'psi-certificates-'));
after(() => rm(root, { recursive: true, force: true }));
let count = 0;
const folder = async (): Promise<string> => {
  const dir = join(root, String((count += 1)));
  await mkdir(dir);
  return dir;
};

const outputIn = (dir: string, more: Partial<CertificateOutput> = {}): CertificateOutput => ({
  cert: join(dir, 'certs/web.pem'),
  key: join(dir, 'private/web.key'),
  chain: join(dir, 'certs/web-chain.pem'),
  ca: undefined,
  mode: '0640',
  ...more,
});

certificateFilesContract('the fake', () => {
  const clock = new FakeClock();
  const files = new FakeCertificateFiles();
  let made = 0;
  return Promise.resolve({
    files,
    output: WANTED.output,
    now: clock.now(),
    material: (fault) => {
      const serial = String((made += 1));
      const ends = fault === 'ended' ? clock.now() : clock.now() + 1000;
      const facts = { serial, notBefore: clock.now() - 1000, notAfter: ends };
      return {
        certificate: fault === 'unreadable' ? 'no certificate' : JSON.stringify(facts),
        chain: '',
        ca: undefined,
        key:
          fault === 'no key' ? undefined : SecretValue.fromText(`key of ${fault === 'wrong key' ? 'nobody' : serial}`),
      };
    },
    removeKey: () => {
      files.inPlace.clear();
      return Promise.resolve();
    },
  });
});

certificateFilesContract('the file system', async () => {
  const output = outputIn(await folder());
  return {
    files: new CertificateFileSystem(),
    output,
    now: NOW,
    material: (fault) => makeMaterial(fault),
    removeKey: () => rm(output.key),
  };
});

const files = new CertificateFileSystem();
const put = (output: CertificateOutput, material: CertificateMaterial = makeMaterial()): Promise<unknown> =>
  files.replace('web', output, material, NOW);
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
const pair = async ({ cert, key }: CertificateOutput): Promise<unknown> =>
  factsOfPair(await readFile(cert, 'utf8'), await readFile(key, 'utf8'));

describe('certificates on disk', () => {
  test('are links into one version beside the certificate, the key for its owner alone', async () => {
    const dir = await folder();
    const output = outputIn(dir, { ca: join(dir, 'certs/web-ca.pem') });
    const material = makeMaterial();
    await put(output, material);
    assert.equal(await readlink(output.cert), '.psi-web/current/cert.pem');
    assert.equal(await readlink(output.key), '../certs/.psi-web/current/key.pem');
    assert.equal(await readFile(output.cert, 'utf8'), material.certificate);
    assert.equal(await readFile(output.chain, 'utf8'), material.chain);
    assert.ok(material.chain.startsWith(await readFile(output.ca ?? '', 'utf8')));
    const modes = await Promise.all([output.cert, output.key, output.chain, output.ca ?? ''].map(modeOf));
    assert.deepEqual(modes, ['640', '600', '640', '640']);
    assert.deepEqual(await readdir(join(dir, 'private')), ['web.key']);
  });

  test('leave nothing of an older version behind', async () => {
    const dir = await folder();
    const output = outputIn(dir);
    await put(output);
    await put(output);
    const left = await readdir(join(dir, 'certs/.psi-web'));
    assert.deepEqual([left.length, left.includes('current')], [2, true]);
  });

  test('take over plain files, whatever their mode, and links of the operator', async () => {
    const dir = await folder();
    const output = outputIn(dir);
    const old = makeMaterial();
    await mkdir(join(dir, 'certs'));
    await mkdir(join(dir, 'private'));
    await mkdir(join(dir, 'elsewhere'));
    await writeFile(join(dir, 'elsewhere/cert.pem'), old.certificate);
    await symlink('../elsewhere/cert.pem', output.cert);
    await writeFile(output.key, old.key?.exposeText() ?? '');
    await chmod(output.key, 0o640);
    assert.equal(await files.inspect('web', output), undefined);
    await put(output);
    assert.ok(await pair(output));
    assert.ok((await lstat(output.key)).isSymbolicLink());
    assert.equal(await modeOf(output.key), '640');
    assert.equal(await readFile(join(dir, 'elsewhere/cert.pem'), 'utf8'), old.certificate);
  });

  test('follow a path that was changed in the config', async () => {
    const dir = await folder();
    await put(outputIn(dir));
    const moved = outputIn(dir, { key: join(dir, 'private/other.key') });
    assert.equal(await files.inspect('web', moved), undefined);
    await put(moved);
    assert.ok(await pair(moved));
    assert.ok(await pair(outputIn(dir)));
  });

  test('never go where a folder is', async () => {
    const dir = await folder();
    const output = outputIn(dir);
    await mkdir(output.key, { recursive: true });
    await assert.rejects(put(output), { code: 'CONFLICT', hint: /ls -ld/ });
    assert.ok((await lstat(output.key)).isDirectory());
  });

  test('say in their error which file cannot be written, and hold no key in it', async () => {
    const dir = await folder();
    await writeFile(join(dir, 'certs'), '');
    const material = makeMaterial();
    await assert.rejects(put(outputIn(dir), material), (error: unknown) => {
      assert.ok(error instanceof PsiError && error.code === 'HOST');
      assert.match(error.message, /web\.pem: (?:EEXIST|ENOTDIR)/);
      return true;
    });
  });

  test('tell what is no match without repeating a key', async () => {
    const wrong = makeMaterial('wrong key');
    await assert.rejects(put(outputIn(await folder()), wrong), (error: unknown) => {
      assert.ok(error instanceof PsiError);
      assert.match(error.message, /belongs to another certificate/);
      assert.ok(!JSON.stringify([error.message, error.hint, error.details]).includes('PRIVATE KEY'));
      return true;
    });
  });

  test('refuse a chain that begins with somebody else', async () => {
    const material = makeMaterial();
    const output = outputIn(await folder());
    const chain = makeMaterial().certificate;
    await assert.rejects(put(output, { ...material, chain }), { message: /chain does not begin with its issuer/ });
  });

  test('refuse a chain or an authority with a damaged block, wherever it stands', async () => {
    const output = outputIn(await folder());
    const { chain, ...material } = makeMaterial();
    const [issuer = '', root = ''] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    const damaged = root.replace(/^(-----BEGIN.*\n).*\n/, '$1');
    for (const [given, message] of [
      [{ ca: undefined, chain: issuer + damaged }, /its chain cannot be read: block 2$/],
      [
        { ca: undefined, chain: issuer + root.replace(/-----END.*/, '') },
        /its chain cannot be read: block 2 has no end$/,
      ],
      [{ chain, ca: damaged }, /the certificate of its authority cannot be read: block 1$/],
    ] as const) {
      await assert.rejects(put(output, { ...material, ...given }), { code: 'BAD_CERTIFICATE', message });
    }
    assert.deepEqual(await readdir(join(output.cert, '../..')), []);
  });
});
