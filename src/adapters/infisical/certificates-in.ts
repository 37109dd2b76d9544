// A PEM file of certificates, read block by block: OpenSSL and Node stop at a damaged one without a word, or tell of no line.

import { X509Certificate } from 'node:crypto';
import { PsiError } from '../../core/error.ts';
import { certificateBlocks, pemBlocks, type PemBlock } from '../../core/text/pem.ts';
import { shellWord } from '../../core/text/shell.ts';

/** Text of a certificate as it stands in the file, and what it says. */
export type Certificate = { readonly text: string; readonly facts: X509Certificate };

/**
 * All of them, in the file's order. `what` names the text, `file` is what a command on the host would read. Fails with CONFIG_INVALID at
 * the first that cannot be read, and where there is none.
 */
export function certificatesIn(
  text: string,
  what: string,
  file = 'FILE',
): readonly [Certificate, ...(readonly Certificate[])] {
  const word = shellWord(file);
  const [first, ...others] = certificateBlocks(text);
  if (first === undefined) throw noCertificate(text, what, word);
  return [readable(first, what, word), ...others.map((block) => readable(block, what, word))];
}

function readable(block: PemBlock, what: string, file: string): Certificate {
  const { text, open } = block;
  try {
    if (!open) return { text, facts: new X509Certificate(text) };
  } catch {
    // Not as a cause: OpenSSL's words repeat what it could not read.
  }
  // These lines alone: openssl would go on to the next one that is good.
  const lines = `${String(block.line)},${String(block.line + text.split('\n').length - 2)}p`;
  throw new PsiError('CONFIG_INVALID', `${what} holds a certificate that cannot be read: ${placeOf(block)}`, {
    hint: `\`sed -n ${lines} ${file} | openssl x509 -noout -subject\` must print a name; copy that certificate anew, or take it out`,
  });
}

function placeOf({ number, line, open }: PemBlock): string {
  return `block ${String(number)}, at line ${String(line)}${open ? ', has no end' : ''}`;
}

function noCertificate(text: string, what: string, file: string): PsiError {
  const error = (found: string, hint: string): PsiError =>
    new PsiError('CONFIG_INVALID', `${what} holds no certificate that can be read: ${found}`, { hint });
  const labels = [...new Set(pemBlocks(text).map(({ label }) => label))];
  if (text.trim() === '') return error('it is empty', `\`ls -l ${file}\`; it takes certificates in PEM`);
  // A DER certificate is a sequence, and longer than 255 bytes.
  if (/^0\uFFFD/.test(text))
    return error('it is DER', `\`openssl x509 -inform DER -in ${file} -out ${file}.pem\`, and name that file`);
  const found = labels.length === 0 ? 'it has no PEM block' : `only ${labels.slice(0, 3).join(', ')}`;
  return error(found, `it takes PEM: \`openssl x509 -in ${file} -noout -subject\` must print a name`);
}
