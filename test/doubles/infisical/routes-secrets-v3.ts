// /api/v3/secrets/raw: served by all generations; the only secrets API before September 2025.
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

/** Camel-case includeImports is ignored here. On servers of 2024 and 2025 both defaults are false. */
function dialectOf({ traits }: Machine): Dialect {
  return {
    projectField: 'workspaceId',
    slugField: 'workspaceSlug',
    expandDefault: traits.v3Expands,
    importsDefault: false,
    importsField: 'include_imports',
    knowsViewSecretValue: traits.hiddenValues,
    words: traits.invertedStatuses ? 'one for both' : 'each its own',
    personalField: undefined,
  };
}

export function addSecretRoutesV3(app: Express, machine: Machine): void {
  const dialect = dialectOf(machine);
  const route = (answer: (machine: Machine, call: AuthedCall, dialect: Dialect) => object) =>
    authed(machine, 'secrets', (call) => answer(machine, call, dialect));

  app.get('/api/v3/secrets/raw', ...route(answerList));
  app.get('/api/v3/secrets/raw/:secretName', ...route(answerGet));
  app.post('/api/v3/secrets/raw/:secretName', ...route(answerCreate));
  app.patch('/api/v3/secrets/raw/:secretName', ...route(answerUpdate));
  app.delete('/api/v3/secrets/raw/:secretName', ...route(answerDelete));
  app.post('/api/v3/secrets/batch/raw', ...route(answerBatchCreate));
  app.patch('/api/v3/secrets/batch/raw', ...route(answerBatchUpdate));
  app.delete('/api/v3/secrets/batch/raw', ...route(answerBatchDelete));
}
