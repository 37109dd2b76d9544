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

/** As since February 2026: camel case, and both defaults true. */
const V4: Dialect = {
  projectField: 'projectId',
  slugField: undefined,
  expandDefault: true,
  importsDefault: true,
  importsField: 'includeImports',
  knowsViewSecretValue: true,
  personalField: 'includePersonalOverrides',
};

export function addSecretRoutesV4(app: Express, machine: Machine): void {
  const route = (answer: (machine: Machine, call: AuthedCall, dialect: Dialect) => object) =>
    authed(machine, 'secrets', (call) => answer(machine, call, V4));

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
