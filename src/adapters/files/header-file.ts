// The header file: one `Authorization:` line that the driver's curl reads at each call (`-H @FILE`). It is the only place outside
// the config where the socket token stands, for its owner alone.

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { sameBytes } from '../../core/bytes.ts';
import { PsiError } from '../../core/error.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { HeaderFile } from '../../registration/driver-command/header-file.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { fileCalls, readBounded } from './file-calls.ts';
import { fileError } from './host-error.ts';

/** Printable ASCII without blanks: nothing that could end the line and start another header. */
const TOKEN = /^[\x21-\x7e]+$/;
const LINE = /^Authorization: Bearer ([\x21-\x7e]+)\n$/;

export class DriverHeaderFile implements HeaderFile {
  readonly #path: string;

  constructor(options: { readonly path: string }) {
    this.#path = options.path;
  }

  async holds(token: SecretValue): Promise<boolean> {
    const line = headerLine(token);
    // What cannot be read is as good as missing: it is written anew, and where that fails, too, that is said.
    const text = await readBounded(this.#path).catch(() => undefined);
    return text !== undefined && sameBytes(text, line);
  }

  async read(): Promise<SecretValue | undefined> {
    const text = await readBounded(this.#path).catch(() => undefined);
    const token = LINE.exec(text?.toString('utf8') ?? '')?.[1];
    return token === undefined ? undefined : SecretValue.fromText(token);
  }

  async write(token: SecretValue): Promise<void> {
    const line = headerLine(token);
    try {
      await fileCalls.run(this.#path, () => mkdir(dirname(this.#path), { recursive: true, mode: 0o700 }));
      await writeFileAtomic(this.#path, line, { mode: 0o600 });
    } catch (error) {
      throw fileError('write the header file', this.#path, error);
    }
  }
}

function headerLine(token: SecretValue): Buffer {
  const text = token.exposeText();
  if (!TOKEN.test(text)) {
    throw new PsiError(
      'CONFIG_INVALID',
      'the socket token is empty or holds a character that cannot stand in a header',
      {
        hint: 'use printable ASCII without blanks, such as `openssl rand -base64 32` prints',
      },
    );
  }
  return Buffer.from(`Authorization: Bearer ${text}\n`);
}
