// /api/v3/secrets/raw: served by both generations; the only secrets API of the July 2024 server.
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

/** Camel-case includeImports is ignored here. On the 2024 server both defaults are false. */
function dialectOf(machine: Machine): Dialect {
  return {
    projectField: 'workspaceId',
    slugField: 'workspaceSlug',
    expandDefault: machine.generation === 'v4',
    importsDefault: false,
    importsField: 'include_imports',
    knowsViewSecretValue: machine.generation === 'v4',
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
