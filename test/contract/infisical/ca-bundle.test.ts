// `ca_cert` and the certificate of an identity, block by block, as they come from people's hands.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PsiError } from '../../../src/core/error.ts';
import { certificatesIn } from '../../../src/adapters/infisical/certificates-in.ts';
import { acceptCertificate } from '../../doubles/infisical/machine-logins.ts';
import { makeTestAuthority, type TestAuthority } from '../../doubles/infisical/test-authority.ts';
import { run } from '../../hosts/run.ts';
import { BY_IDENTITY, IDENTITY, readA, startIdentityStage, type IdentityStage } from './identity-stage.ts';
import { at } from './stage.ts';

let authority: TestAuthority;
let other: TestAuthority;
let stage: IdentityStage;
before(async () => {
  [authority, other] = [await makeTestAuthority(), await makeTestAuthority()];
  const tls = { ...authority.server, clients: { ca: authority.ca, must: false } };
  stage = await startIdentityStage({ double: { tls }, source: { caCert: authority.ca } });
  const rule = acceptCertificate({ ca: authority.ca, commonName: 'psi-host' });
  stage.double.logins.allow({ method: 'tls-cert-auth', identityId: IDENTITY, rule });
  stage.fields.set('key', authority.client.key);
  stage.fields.set('certificate', authority.client.cert);
});
after(() => stage.stop());

const auth = { method: 'tls-cert', ...BY_IDENTITY, certificate: at('certificate'), privateKey: at('key') } as const;
const FILE = '/etc/psi/ca.pem';
/** Its second line is gone, as after a bad copy. */
const damaged = (pem: string): string => pem.replace(/^(-----BEGIN.*\n.*\n).*\n/, '$1');
const count = (text: string): number => text.split('\n').length - 1;
const readWith = (caCert: string): Promise<string> => readA(stage.as(auth, { caCert, caCertFile: FILE }));

function refusal(caCert: string): PsiError {
  try {
    stage.as(auth, { caCert, caCertFile: FILE });
  } catch (thrown) {
    assert.ok(thrown instanceof PsiError);
    assert.equal(thrown.code, 'CONFIG_INVALID');
    return thrown;
  }
  return assert.fail('it was taken');
}

describe('a bundle of authorities', () => {
  test('is trusted as a whole: the right one may stand anywhere', async () => {
    assert.equal(await readWith(`${other.ca}${authority.ca}`), 'value of A');
    assert.equal(await readWith(`${authority.ca}${other.ca}`), 'value of A');
  });

  test('may hold text between the blocks, CRLF, and blocks that are no certificates', async () => {
    const key = authority.client.key;
    const text = `# our authorities\n\n${other.ca}subject=CN = lab\n${key}\n${authority.ca}\n\nend\n`;
    assert.equal(await readWith(text), 'value of A');
    assert.equal(await readWith(text.replaceAll('\n', '\r\n')), 'value of A');
  });

  test('may hold what `openssl x509 -trustout` writes', async () => {
    assert.equal(await readWith(authority.ca.replaceAll('CERTIFICATE', 'X509 CERTIFICATE')), 'value of A');
    assert.equal(await readWith(`${other.ca}${authority.ca.replaceAll(' CERT', ' TRUSTED CERT')}`), 'value of A');
  });

  test('with a damaged block is refused by its number and line, although another one is good', async (t) => {
    const bundle = `${other.ca}\n${damaged(other.ca)}${authority.ca}`;
    const error = refusal(bundle);
    const line = String(count(other.ca) + 2);
    assert.equal(error.message, `ca_cert ${FILE} holds a certificate that cannot be read: block 2, at line ${line}`);
    const [, command = ''] =
      /^`(.*)` must print a name; copy that certificate anew, or take it out$/.exec(error.hint ?? '') ?? [];
    assert.match(command, new RegExp(`^sed -n ${line},\\d+p ${FILE} \\| openssl x509 `));
    const file = join(await mkdtemp(join(tmpdir(), 'psi-bundle-')), 'ca.pem');
    t.after(() => rm(dirname(file), { recursive: true }));
    await writeFile(file, bundle);
    const shown = await run(['sh', '-c', command.replace(FILE, file)]);
    assert.deepEqual([shown.code, shown.stdout], [1, ''], 'the command of the hint shows the fault');
    await writeFile(file, bundle.replace(damaged(other.ca), other.ca));
    assert.match(
      (await run(['sh', '-c', command.replace(FILE, file).replace(/,\d+p/, ',/END/p')])).stdout,
      /^subject=/,
    );
    assert.equal(error.cause, undefined);
  });

  test('with a block that has no end says so', () => {
    const cut = other.ca.replace(/-----END.*\n/, '');
    assert.match(refusal(`${cut}${authority.ca}`).message, /: block 1, at line 1, has no end$/);
    assert.match(refusal(`${authority.ca}${cut}`).message, /: block 2, at line \d+, has no end$/);
  });

  test('that holds none says what it is', () => {
    const der = new X509Certificate(authority.ca).raw;
    const cases: readonly (readonly [string, RegExp, RegExp])[] = [
      ['', /: it is empty$/, /^`ls -l /],
      [' \n', /: it is empty$/, /PEM/],
      [new TextDecoder().decode(der), /: it is DER$/, /^`openssl x509 -inform DER -in \/etc\/psi\/ca\.pem -out/],
      ['no certificate', /: it has no PEM block$/, /`openssl x509 -in \/etc\/psi\/ca\.pem -noout -subject`/],
      [authority.client.key, /: only PRIVATE KEY$/, /must print a name/],
    ];
    for (const [text, message, hint] of cases) {
      const error = refusal(text);
      assert.match(error.message, message);
      assert.match(error.message, /^ca_cert \/etc\/psi\/ca\.pem holds no certificate that can be read/);
      assert.match(error.hint ?? '', hint);
    }
  });
});

describe('the certificate of an identity', () => {
  const login = async (certificate: string): Promise<string> => {
    stage.tokens.files.clear();
    stage.fields.set('certificate', certificate);
    return readA(stage.as(auth));
  };

  test('may have its chain behind it', async () => {
    assert.equal(await login(`${authority.client.cert}${authority.ca}`), 'value of A');
  });

  test('with a damaged chain is refused by block and line', async () => {
    await assert.rejects(login(`${authority.client.cert}${damaged(authority.ca)}`), {
      code: 'CONFIG_INVALID',
      message: new RegExp(
        `^\`certificate\` of identity .* cannot be read: block 2, at line ${String(count(authority.client.cert) + 1)}$`,
      ),
    });
  });

  test('that stands behind its chain is told from a foreign key', async () => {
    await assert.rejects(login(`${authority.ca}${authority.client.cert}`), {
      code: 'CONFIG_INVALID',
      message: /^private_key does not belong to the first certificate of `certificate`, but to a later one$/,
      hint: /first and its issuers behind it/,
    });
    await assert.rejects(login(`${other.client.cert}${authority.ca}`), {
      code: 'CONFIG_INVALID',
      message: 'private_key does not belong to certificate',
    });
  });
});

test('a text without a file has a hint that fits any', () => {
  assert.throws(() => certificatesIn('', 'it'), { message: /^it holds no certificate/, hint: /`ls -l FILE`/ });
});
