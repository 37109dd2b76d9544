// /api/v4/secrets: current servers only. Static routes come before the named ones, so a secret called `batch` can be
// read but not written by its name.
import type { Express } from 'express';
import { authed } from './gate.ts';
import {
  answerBatchCreate,
  answerBatchDelete,
  answerBatchUpdate,
  answerCreate,
  answerDelete,
  answerUpdate,
} from './secret-commands.ts';
import { answerGet, answerList } from './secret-queries.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { Dialect } from './secret-queries.ts';

/** Since February 2026: camel case, and both defaults true. Before, as in v3. */
function dialectOf({ traits }: Machine): Dialect {
  const since2026 = traits.v4Defaults === '2026';
  return {
    projectField: 'projectId',
    slugField: undefined,
    expandDefault: since2026,
    importsDefault: since2026,
    importsField: since2026 ? 'includeImports' : 'include_imports',
    knowsViewSecretValue: true,
    words: 'each its own',
    personalField: since2026 ? 'includePersonalOverrides' : undefined,
  };
}

export function addSecretRoutesV4(app: Express, machine: Machine): void {
  const dialect = dialectOf(machine);
  const route = (answer: (machine: Machine, call: AuthedCall, dialect: Dialect) => object) =>
    authed(machine, 'secrets', (call) => answer(machine, call, dialect));

  app.get('/api/v4/secrets', ...route(answerList));
  app.post('/api/v4/secrets/batch', ...route(answerBatchCreate));
  app.patch('/api/v4/secrets/batch', ...route(answerBatchUpdate));
  app.delete('/api/v4/secrets/batch', ...route(answerBatchDelete));
  app.get(
    '/api/v4/secrets/id/:secretId',
    ...authed(machine, 'secrets', ({ identity, param }) => ({
      secret: machine.reader.byId(identity, param('secretId')),
    })),
  );
  app.get('/api/v4/secrets/:secretName', ...route(answerGet));
  app.post('/api/v4/secrets/:secretName', ...route(answerCreate));
  app.patch('/api/v4/secrets/:secretName', ...route(answerUpdate));
  app.delete('/api/v4/secrets/:secretName', ...route(answerDelete));
}
