// Whom a connection trusts, and what it shows of itself. Errors never carry OpenSSL's own: those are about keys.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import { PsiError } from '../../core/error.ts';
import type { SecretValue } from '../../core/secret-value.ts';
import { pemBlocks } from '../../core/text/pem.ts';
import { shellWord } from '../../core/text/shell.ts';
import { certificatesIn, type Certificate } from './certificates-in.ts';

/** PEM text. */
export type ClientCertificate = {
  readonly certificate: string;
  readonly privateKey: SecretValue;
  /** Where they came from, for the commands of hints. Undefined: from no file. */
  readonly certificateFile?: string | undefined;
  readonly privateKeyFile?: string | undefined;
};

export type Trust = {
  /** PEM text, trusted beside the usual authorities. */
  readonly caCert: string | undefined;
  /** Where it came from, for messages. */
  readonly caCertFile?: string | undefined;
};

export function secureContext(trust: Trust): SecureContext | undefined {
  return trust.caCert === undefined ? undefined : createSecureContext(trusting(trust));
}

function trusting({ caCert, caCertFile }: Trust): SecureContextOptions {
  if (caCert === undefined) return {};
  const what = caCertFile === undefined ? 'ca_cert' : `ca_cert ${caCertFile}`;
  const own = certificatesIn(caCert, what, caCertFile);
  return { ca: [...getCACertificates('default'), ...own.map(({ text }) => text)] };
}

/** What a connection shows and trusts that logs in by a certificate. Fails with CONFIG_INVALID where both do not belong together. */
export function certifiedContext(shown: ClientCertificate, trust: Trust): SecureContext {
  const { certificate, privateKey } = shown;
  const chain = certificatesIn(certificate, '`certificate`', shown.certificateFile);
  checkKey(chain, shown);
  const ca = trusting(trust);
  try {
    return createSecureContext({ ...ca, cert: certificate, key: privateKey.exposeText() });
  } catch {
    throw new PsiError('CONFIG_INVALID', 'private_key or certificate cannot be read', { hint: bothPem(shown) });
  }
}

function bothPem({ certificateFile, privateKeyFile }: ClientCertificate): string {
  const [certificate, key] = [shellWord(certificateFile ?? 'CERT'), shellWord(privateKeyFile ?? 'KEY')];
  return `\`openssl pkey -in ${key} -pubout\` must print what \`openssl x509 -in ${certificate} -noout -pubkey\` prints`;
}

/** openssl reads DER by itself and asks for a passphrase, so that its printing something says nothing about either. */
function unreadableKey({ privateKey, privateKeyFile }: ClientCertificate): PsiError {
  const text = privateKey.exposeText();
  const file = shellWord(privateKeyFile ?? 'KEY');
  const plain = shellWord(`${privateKeyFile ?? 'KEY'}.pem`);
  const error = (message: string, hint: string): PsiError => new PsiError('CONFIG_INVALID', message, { hint });
  const [first] = pemBlocks(text);
  if (first === undefined && text.startsWith('0'))
    return error('private_key is DER', `\`openssl pkey -inform DER -in ${file} -out ${plain}\`, and name that file`);
  if (first === undefined)
    return error(
      'private_key has no PEM block',
      `it takes PEM: \`head -n 1 ${file}\` must print -----BEGIN … KEY-----`,
    );
  if (/ENCRYPTED/.test(first.text.split('\n', 3).join('\n')))
    return error(
      'private_key has a passphrase',
      `\`openssl pkey -in ${file} -out ${plain}\` asks for it and takes it off; name that file, for root alone`,
    );
  return error('private_key cannot be read', `\`openssl pkey -in ${file} -noout\` says why; copy it anew`);
}

function checkKey([own, ...others]: readonly Certificate[], shown: ClientCertificate): void {
  const key = keyOf(shown.privateKey);
  if (key === undefined) throw unreadableKey(shown);
  if (own?.facts.checkPrivateKey(key) === true) return;
  const later = others.some(({ facts }) => facts.checkPrivateKey(key));
  throw new PsiError(
    'CONFIG_INVALID',
    later
      ? 'private_key does not belong to the first certificate of `certificate`, but to a later one'
      : 'private_key does not belong to certificate',
    { hint: later ? 'put the certificate of the key first and its issuers behind it' : bothPem(shown) },
  );
}

function keyOf(privateKey: SecretValue): KeyObject | undefined {
  try {
    return createPrivateKey(privateKey.exposeText());
  } catch {
    return undefined;
  }
}
