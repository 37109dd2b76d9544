// A source that logs in as one identity, with fields that a test can change. Not a test itself.
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
  readonly commands: Map<string, readonly string[]>;
  /** Another process on the same state folder that logs in so. */
  readonly as: (auth: Auth<string>, more?: Partial<ConnectionDeps<string>>) => SecretSource;
  readonly logins: () => number;
};

export async function startIdentityStage(options: StageOptions = {}): Promise<IdentityStage> {
  const fields = new Map<string, string>();
  const commands = new Map<string, readonly string[]>();
  const stage = await startStage({
    ...options,
    source: {
      resolveSecret: (field) => {
        const value = fields.get(field);
        return value === undefined
          ? Promise.reject(new PsiError('CONFIG_INVALID', `${field} does not exist`))
          : Promise.resolve(SecretValue.fromText(value));
      },
      commandOf: (field) => commands.get(field),
      ...options.source,
    },
  });
  stage.double.state.setSecret({ ...PROD, key: 'A', value: 'value of A' });
  // Not spread: `source` of a stage connects when it is first asked for.
  return Object.assign(stage, {
    fields,
    commands,
    as: (auth: Auth<string>, more: Partial<ConnectionDeps<string>> = {}) =>
      stage.restart({ projects: new Map([['main', { id: PROD.project, environment: 'prod', auth }]]), ...more }),
    logins: () => stage.double.count('login'),
  });
}

export const readA = (source: SecretSource): Promise<string> => read(source, 'A');
