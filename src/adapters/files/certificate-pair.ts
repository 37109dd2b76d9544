// Is this a certificate with its own key, its own chain and a life ahead? Asked before anything on disk is touched.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';

import { serialOf, type LeafFacts } from '../../certificates/certificate.ts';
import { PsiError, type Retry } from '../../core/error.ts';
import { certificateBlocks } from '../../core/text/pem.ts';
import { isoTime } from '../../core/time.ts';
import type { CertificateMaterial } from '../../certificates/certificate-authority.ts';

/** How far the authority's clock may be ahead. */
const SKEW_MS = 5 * 60_000;

export type CertificateTexts = {
  readonly cert: string;
  readonly key: string;
  readonly chain: string;
  readonly ca: string | undefined;
};

export function factsOf(leaf: X509Certificate): LeafFacts {
  return {
    serial: serialOf(leaf.serialNumber),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  };
}

/** Of a pair that belongs together, else undefined. */
export function factsOfPair(certificate: string, key: string): LeafFacts | undefined {
  try {
    const leaf = new X509Certificate(certificate);
    return leaf.checkPrivateKey(createPrivateKey(key)) ? factsOf(leaf) : undefined;
  } catch {
    return undefined;
  }
}

/** Throws BAD_CERTIFICATE, or answers what there is to write. */
export function checkMaterial(
  material: CertificateMaterial,
  now: number,
): { readonly facts: LeafFacts; readonly texts: CertificateTexts } {
  const leaf = parsed(() => new X509Certificate(material.certificate), 'the certificate cannot be read');
  if (!material.key) throw bad('no private key came with the certificate');
  const keyText = material.key.exposeText();
  const key: KeyObject = parsed(() => createPrivateKey(keyText), 'its private key cannot be read');
  if (!leaf.checkPrivateKey(key)) throw bad('the private key belongs to another certificate');
  const facts = factsOf(leaf);
  if (facts.notAfter <= now) throw bad(`the certificate has expired already, on ${isoTime(facts.notAfter)}`, CLOCK);
  const chain = certificatesIn(material.chain, 'its chain');
  const ca = certificatesIn(material.ca ?? '', 'the certificate of its authority');
  const issuer = chain[0] ?? ca[0];
  if (issuer && !leaf.checkIssued(issuer)) throw bad('its chain does not begin with its issuer');
  if (facts.notBefore > now + SKEW_MS) {
    throw bad(`the certificate is not valid before ${isoTime(facts.notBefore)}`, CLOCK, 'later');
  }
  return {
    facts,
    texts: {
      cert: lines(material.certificate),
      key: lines(keyText),
      chain: material.chain === '' ? '' : lines(material.chain),
      // The first of the chain has just been found to be the issuer.
      ca: material.ca !== undefined ? lines(material.ca) : chain[0]?.toString(),
    },
  };
}

const CLOCK = 'is the clock of this host right? `timedatectl`';

/** Each of them, also where none has to be there: a server that is given the file would stop at the first that is damaged. */
function certificatesIn(pem: string, what: string): readonly X509Certificate[] {
  return certificateBlocks(pem).map(({ text, number, open }) => {
    const which = `${what} cannot be read: block ${String(number)}`;
    if (open) throw bad(`${which} has no end`);
    return parsed(() => new X509Certificate(text), which);
  });
}

/** Node's own words are left out: they may repeat what they could not read. */
function parsed<T>(parse: () => T, message: string): T {
  try {
    return parse();
  } catch {
    throw bad(message);
  }
}

function bad(
  message: string,
  hint = 'the files in place were left as they are; look at the certificate at the authority',
  retry: Retry = 'no',
): PsiError {
  return new PsiError('BAD_CERTIFICATE', `what the authority handed out cannot be used: ${message}`, { hint, retry });
}

function lines(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}
