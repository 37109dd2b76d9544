// A source that logs in as one identity, with fields that a test can change. Not a test itself.
import type { TokenSource } from '../../../src/core/secret-field.ts';
import { SecretValue } from '../../../src/core/secret-value.ts';
import { PsiError } from '../../../src/core/error.ts';
import type { Auth } from '../../../src/adapters/infisical/auth/methods.ts';
import type { ConnectionDeps } from '../../../src/adapters/infisical/connection.ts';
import type { SecretSource } from '../../../src/provider/secret-source.ts';
import { PROD, read, startStage, type Stage, type StageOptions } from './stage.ts';

export const IDENTITY = '1c2d3e4f-0000-4000-8000-000000000000';
export const BY_IDENTITY = { identityId: IDENTITY, organization: undefined } as const;

export type IdentityStage = Stage & {
  /** What fields refer to; one without an entry is missing. */
  readonly fields: Map<string, string>;
  /** Another process on the same state folder that logs in so. */
  readonly as: (auth: Auth, more?: Partial<ConnectionDeps>) => SecretSource;
  readonly logins: () => number;
};

/** A file by its path, a command by its words. */
function nameOf(field: TokenSource): string {
  if (field.kind === 'command') return field.argv.join(' ');
  return field.kind === 'file' ? field.path : field.kind;
}

export async function startIdentityStage(options: StageOptions = {}): Promise<IdentityStage> {
  const fields = new Map<string, string>();
  const stage = await startStage({
    ...options,
    source: {
      resolveSecret: (field) => {
        const name = nameOf(field);
        const value = fields.get(name);
        return value === undefined
          ? Promise.reject(new PsiError('CONFIG_INVALID', `${name} does not exist`))
          : Promise.resolve(SecretValue.fromText(value));
      },
      ...options.source,
    },
  });
  stage.double.state.setSecret({ ...PROD, key: 'A', value: 'value of A' });
  // Not spread: `source` of a stage connects when it is first asked for.
  return Object.assign(stage, {
    fields,
    as: (auth: Auth, more: Partial<ConnectionDeps> = {}) =>
      stage.restart({ projects: new Map([['main', { id: PROD.project, environment: 'prod', auth }]]), ...more }),
    logins: () => stage.double.count('login'),
  });
}

export const readA = (source: SecretSource): Promise<string> => read(source, 'A');
