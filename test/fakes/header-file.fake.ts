// The header file in memory.

import { PsiError } from '../../src/core/error.ts';
import { SecretValue } from '../../src/core/secret-value.ts';
import type { HeaderFile } from '../../src/registration/driver-command/header-file.ts';

export class FakeHeaderFile implements HeaderFile {
  token: string | undefined;
  writes = 0;
  /** Makes the next writes fail. */
  failWith: PsiError | undefined;

  holds(token: SecretValue): Promise<boolean> {
    return Promise.resolve(this.token === token.exposeText());
  }

  read(): Promise<SecretValue | undefined> {
    return Promise.resolve(this.token === undefined ? undefined : SecretValue.fromText(this.token));
  }

  write(token: SecretValue): Promise<void> {
    const text = token.exposeText();
    if (!/^[\x21-\x7e]+$/.test(text)) {
      return Promise.reject(new PsiError('CONFIG_INVALID', 'the socket token cannot stand in a header'));
    }
    if (this.failWith) return Promise.reject(this.failWith);
    this.token = text;
    this.writes += 1;
    return Promise.resolve();
  }
}
