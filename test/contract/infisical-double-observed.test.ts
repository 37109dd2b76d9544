// What real servers were seen to do, row by row: a request, the server that it was sent to, and what came back. The double must answer
// alike.
//   2025        Infisical of June 2025 (ef4ae958), run with PostgreSQL 15 and Redis 7
//   2025-v4     the same with v4/secrets and v2/folders made from its own routes, as upstream did in September 2025; run
//   graft-2026  2025-v4 with the defaults of February 2026 and two rules of the list of 2026; run
//   2026-read   read in Infisical's source of 2026
//   2025-read   read in the source of June 2025; not run, and so without a row
// A case runs on each generation of the double that is to show it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PLAN_LIMITS } from '../doubles/infisical/rate-limit.ts';
import { CLIENT, DEV, startSample } from '../doubles/infisical/sample.ts';
import { ask, at, startTalk } from '../doubles/infisical/talk.ts';
import type { InfisicalDouble } from '../doubles/infisical/infisical-double.ts';
import type { Answer } from '../doubles/infisical/talk.ts';
import { check, Stage } from './infisical-double-stage.ts';
import type { Case } from './infisical-double-stage.ts';

const item = (secretKey: string, secretValue = 'v'): object => ({ secretKey, secretValue });
const login = (method: string, body: object) => (stage: Stage) =>
  ask(stage.double.url, 'POST', `/api/v1/auth/${method}/login`, undefined, body);
const secret =
  (path: string, key: string, value: string, more: object = {}) =>
  (double: InfisicalDouble) =>
    void double.state.setSecret({ ...DEV, path, key, value, ...more });
const imports = (path: string, fromPath: string) => (double: InfisicalDouble) => {
  double.state.addImport({ ...DEV, path, fromEnvironment: DEV.environment, fromPath });
};
const locked =
  (path: string, ...actions: ('describe' | 'readValue' | 'create')[]) =>
  (double: InfisicalDouble) => {
    double.state.deny(CLIENT.clientId, { path, actions });
  };
const all =
  (...steps: ((double: InfisicalDouble) => void)[]) =>
  (double: InfisicalDouble) => {
    for (const step of steps) step(double);
  };

/** A value that refers to a secret of a folder where values may not be read. */
const UNREADABLE = all(
  secret('/locked', 'K', 'v'),
  locked('/locked', 'readValue'),
  secret('/app', 'URL', 'pg://${dev.locked.K}'),
);
const CHAIN = all(
  ...['/app', '/a', '/b', '/c'].map((path) => secret(path, path.slice(1).toUpperCase(), 'v')),
  imports('/app', '/a'),
  imports('/a', '/b'),
  imports('/b', '/c'),
);
const HIDDEN_IMPORT = all(secret('/shared', 'K', 'v'), locked('/shared', 'readValue'), imports('/app', '/shared'));
const CIRCLE = all(secret('/', 'LOOP_A', '${LOOP_B}'), secret('/', 'LOOP_B', '${LOOP_A}'));
const OUTSIDER = (double: InfisicalDouble): void => {
  double.state.addProject({ id: 'project-2' });
  double.state.addIdentity({ clientId: 'outsider', clientSecret: 's', projects: ['project-2'] });
};
const asOutsider = async (stage: Stage): Promise<Stage> =>
  new Stage(stage.double, await startTalk(stage.double.url, { clientId: 'outsider', clientSecret: 's' }));

const NOT_HERE = {
  statusCode: 403,
  error: "Identity is not a member of the specified project with ID 'project-1'",
  message: 'You are not allowed to access this resource',
};
const BAD_PATH = {
  error: 'BadRequest',
  message: 'Invalid secret path. Only alphanumeric characters, dashes, and underscores are allowed.',
};
const UNTRUSTED = {
  error: 'ForbiddenError',
  message: 'You are not allowed to access this resource from the current IP address',
};
const LIMITED = (double: InfisicalDouble): void => {
  double.knobs.set({ limits: { secrets: 2, read: 1 } });
};
const times = async (count: number, call: () => Promise<Answer>): Promise<Answer> => {
  for (let made = 1; made < count; made += 1) await call();
  return call();
};
const keysOf = (body: unknown): readonly string[] => Object.keys(body as object).sort();
const order = (by: 'id' | 'secretKey', listed: unknown): boolean => {
  const found = (listed as readonly Readonly<Record<string, string>>[]).map((each) => each[by] ?? '');
  return found.length > 10 && found.every((each, index) => index === 0 || (found[index - 1] ?? '') < each);
};
const many = (double: InfisicalDouble): void => {
  for (let n = 0; n < 40; n += 1) secret('/many', `K${String((n * 7) % 40).padStart(2, '0')}`, 'v')(double);
};

const foldersOf = (stage: Stage, path: string): Promise<Answer> =>
  stage.talk.get(`${stage.folders}?${new URLSearchParams(stage.place({ path })).toString()}`);
const PLANNED: readonly (readonly [what: string, most: string, call: (stage: Stage) => Promise<Answer>])[] = [
  ['secrets', '40', (stage) => stage.list()],
  ['reads', '60', (stage) => foldersOf(stage, '/')],
  ['logins', '200', login('universal-auth', CLIENT)],
];

const CASES: readonly Case[] = [
  {
    ...{ row: 1, seen: '2025', what: 'a list of a folder that may not be described is empty', on: ['2025', 'v4'] },
    set: all(secret('/app', 'A', 'v'), locked('/app', 'describe')),
    ask: (stage) => stage.list({ secretPath: '/app' }),
    ...{ status: 200, has: { secrets: [], imports: [] } },
  },
  {
    ...{ row: 1, seen: '2025', what: 'a list without describe anywhere in the project', on: ['2025', 'v4'] },
    set: (double) => {
      double.state.deny(CLIENT.clientId, { actions: ['describe'] });
    },
    ask: (stage) => stage.list(),
    ...{ status: 403, has: { error: 'PermissionDenied', message: 'You are not allowed to describeSecret on secrets' } },
  },
  {
    ...{ row: 2, seen: '2025', what: 'a list of a missing folder is empty', on: ['2025', '2025-v4'] },
    ask: (stage) => stage.list({ secretPath: '/none' }),
    ...{ status: 200, has: { secrets: [], imports: [] } },
  },
  {
    ...{ row: 2, seen: '2025-v4', what: 'a list of a missing environment is empty', on: ['2025', '2025-v4'] },
    ask: (stage) => stage.list({ environment: 'none' }),
    ...{ status: 200, has: { secrets: [], imports: [] } },
  },
  {
    ...{ row: 2, seen: 'graft-2026', what: 'a list of a missing folder is refused', on: ['v4'] },
    ask: (stage) => stage.list({ secretPath: '/none' }),
    status: 404,
    has: {
      error: 'SecretPathNotFound',
      message:
        "Folder with path '/none' in environment 'dev' was not found. Please ensure the environment slug and secret path is correct.",
    },
  },
  {
    ...{ row: 3, seen: '2025', what: 'an unreadable reference in a list stays text', on: ['2025', '2025-v4'] },
    set: UNREADABLE,
    ask: (stage) => stage.list({ secretPath: '/app' }),
    ...{ status: 200, has: { 'secrets.0.secretValue': 'pg://${dev.locked.K}' } },
  },
  {
    ...{ row: 3, seen: 'graft-2026', what: 'an unreadable reference refuses the list, in sentences', on: ['v4'] },
    set: UNREADABLE,
    ask: (stage) => stage.list({ secretPath: '/app' }),
    status: 403,
    has: {
      error: 'ForbiddenError',
      message: 'Failed to expand one or more secret references',
      details: [
        "You do not have permission to read secret 'K' in environment 'dev' at path '/locked', which is referenced by secret 'URL' in environment 'dev' at path '/app'.",
      ],
    },
  },
  {
    ...{ row: 4, seen: '2025', what: 'an unreadable reference of an imported value stays text in a list' },
    on: ['2025', 'v4'],
    set: all(UNREADABLE, imports('/top', '/app')),
    ask: (stage) => stage.list({ secretPath: '/top' }),
    ...{ status: 200, has: { 'imports.0.secrets.0.secretValue': 'pg://${dev.locked.K}' } },
  },
  {
    ...{ row: 4, seen: '2025', what: 'an unreadable reference of an imported value stays text in a get' },
    on: ['2025', 'v4'],
    set: all(UNREADABLE, imports('/top', '/app')),
    ask: (stage) => stage.get('URL', { secretPath: '/top' }),
    ...{ status: 200, has: { 'secret.secretValue': 'pg://${dev.locked.K}' } },
  },
  {
    ...{ row: 5, seen: '2025', what: 'an unreadable reference in a get is refused in a sentence', on: ['2025'] },
    set: UNREADABLE,
    ask: (stage) => stage.get('URL', { secretPath: '/app' }),
    status: 403,
    has: {
      error: 'ForbiddenError',
      message:
        'You are attempting to reference secret named K from environment dev in path /locked which you do not have access to read value on.',
    },
    lacks: ['details'],
  },
  {
    ...{ row: 5, seen: '2026-read', what: 'an unreadable reference in a get is refused in a sentence', on: ['v4'] },
    set: UNREADABLE,
    ask: (stage) => stage.get('URL', { secretPath: '/app' }),
    ...{ status: 403, has: { error: 'ForbiddenError', message: /^You do not have permission to read secret 'K' in / } },
    lacks: ['details'],
  },
  {
    ...{ row: 6, seen: '2025', what: 'a get of an imported secret that is hidden', on: ['2025', 'v4'] },
    set: HIDDEN_IMPORT,
    ask: (stage) => stage.get('K', { secretPath: '/app' }),
    ...{ status: 403, has: { error: 'ForbiddenReadSecretError', message: /view secret import value .* 'K'$/ } },
  },
  {
    ...{ row: 6, seen: '2025', what: 'a list leaves an imported secret out that is hidden', on: ['2025', 'v4'] },
    set: HIDDEN_IMPORT,
    ask: (stage) => stage.list({ secretPath: '/app' }),
    ...{ status: 200, has: { 'imports.0.secrets': [] } },
  },
  {
    ...{ row: 7, seen: '2025', what: 'imports of imports of imports are lost in a list', on: ['2025', 'v4'] },
    set: CHAIN,
    ask: async (stage) => namesOfImports(await stage.list({ secretPath: '/app' })),
    ...{ status: 200, has: { keys: ['A', 'B'] } },
  },
  {
    ...{ row: 7, seen: '2025', what: 'an import of an import is found by a get', on: ['2025', 'v4'] },
    set: CHAIN,
    ask: (stage) => stage.get('B', { secretPath: '/app' }),
    ...{ status: 200, has: { 'secret.secretKey': 'B' } },
  },
  {
    ...{ row: 7, seen: '2025', what: 'an import of an import of an import is not', on: ['2025', 'v4'] },
    set: CHAIN,
    ask: (stage) => stage.get('C', { secretPath: '/app' }),
    ...{ status: 404, has: { error: 'NotFound' } },
  },
  {
    ...{ row: 8, seen: '2025', what: 'a list is in the order of ids, which is none', on: ['2025'] },
    set: many,
    ask: async (stage) => told(await stage.list({ secretPath: '/many' }), (body) => order('id', at(body, 'secrets'))),
    ...{ status: 200, has: { told: true } },
  },
  {
    ...{ row: 8, seen: '2026-read', what: 'a list is in the order of keys', on: ['v4'] },
    set: many,
    ask: async (stage) =>
      told(await stage.list({ secretPath: '/many' }), (body) => order('secretKey', at(body, 'secrets'))),
    ...{ status: 200, has: { told: true } },
  },
  {
    ...{ row: 9, seen: '2025', what: 'a reference to an empty secret stays text', on: ['2025'] },
    set: all(secret('/', 'EMPTY', ''), secret('/', 'REF', '<${EMPTY}>')),
    ask: (stage) => stage.get('REF'),
    ...{ status: 200, has: { 'secret.secretValue': '<${EMPTY}>' } },
  },
  {
    ...{ row: 9, seen: '2026-read', what: 'a reference to an empty secret is replaced', on: ['v4'] },
    set: all(secret('/', 'EMPTY', ''), secret('/', 'REF', '<${EMPTY}>')),
    ask: (stage) => stage.get('REF'),
    ...{ status: 200, has: { 'secret.secretValue': '<>' } },
  },
  {
    ...{ row: 10, seen: '2025', what: 'a circle of two ends with the name of the first', on: ['2025', '2025-v4'] },
    set: CIRCLE,
    ask: (stage) => stage.get('LOOP_A'),
    ...{ status: 200, has: { 'secret.secretValue': '${LOOP_A}' } },
  },
  {
    ...{ row: 10, seen: '2026-read', what: 'a circle of two ends at the first secret that comes twice', on: ['v4'] },
    set: CIRCLE,
    ask: (stage) => stage.get('LOOP_A'),
    ...{ status: 200, has: { 'secret.secretValue': '${LOOP_B}' } },
  },
  {
    ...{ row: 11, seen: '2025', what: 'a write of a reference to nothing', on: ['2025'] },
    ask: (stage) => stage.createMany([item('A', 'pa$$w0rd${x}end')]),
    ...{ status: 400, has: { error: 'BadRequest', message: 'Referenced secret(s) not found: x' } },
  },
  {
    ...{ row: 11, seen: '2025', what: 'a write of a reference into its own batch', on: ['2025'] },
    ask: (stage) => stage.createMany([item('A'), item('B', '${A}')]),
    ...{ status: 400, has: { message: 'Referenced secret(s) not found: A' } },
  },
  {
    ...{ row: 11, seen: '2025', what: 'a write of a reference to itself', on: ['2025'] },
    ask: (stage) => stage.create('A', '${A}'),
    ...{ status: 400, has: { message: 'Referenced secret(s) not found: A' } },
  },
  {
    ...{ row: 11, seen: '2025', what: 'a write of a reference into a missing environment', on: ['2025'] },
    ask: (stage) => stage.createMany([item('A', '${none.K}')]),
    ...{ status: 400, has: { message: 'Referenced environment not found. Missing none' } },
  },
  {
    ...{ row: 11, seen: '2025', what: 'a write of a reference into a missing folder', on: ['2025'] },
    ask: (stage) => stage.createMany([item('A', '${dev.none.K}')]),
    ...{ status: 500, has: { error: 'InternalServerError', message: 'Something went wrong' } },
  },
  {
    ...{ row: 11, seen: '2026-read', what: 'a write of references to nothing is taken', on: ['v4'] },
    ask: (stage) => stage.createMany([item('A', '${A}${x}${none.K}${dev.none.K}')]),
    ...{ status: 200, has: { 'secrets.0.secretValue': '${A}${x}${none.K}${dev.none.K}' } },
  },
  {
    ...{ row: 12, seen: '2025', what: 'a limited answer says how far the counter is', on: ['2025', 'v4', '2024'] },
    set: LIMITED,
    ask: (stage) => stage.list(),
    status: 200,
    headers: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '60', 'retry-after': null },
  },
  {
    ...{ row: 12, seen: '2025', what: 'a limit that is reached', on: ['2025', 'v4'] },
    set: LIMITED,
    ask: (stage) => times(3, () => stage.list()),
    ...{
      status: 429,
      has: { error: 'RateLimitExceeded', message: /^Rate limit exceeded. Please try again in 60 sec/ },
    },
    headers: { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '0', 'retry-after': '60' },
  },
  {
    ...{ row: 12, seen: '2025', what: 'another route has a counter of its own', on: ['2025', 'v4'] },
    set: LIMITED,
    ask: async (stage) => {
      await times(3, () => stage.list());
      return stage.get('DB_HOST');
    },
    ...{ status: 200, headers: { 'x-ratelimit-remaining': '1' } },
  },
  {
    ...{ row: 12, seen: '2025', what: 'what is not authenticated is not counted', on: ['2025', 'v4'] },
    set: LIMITED,
    ask: async (stage) => {
      await times(3, () => ask(stage.double.url, 'GET', `${stage.secrets}?environment=dev`));
      return stage.list();
    },
    ...{ status: 200, headers: { 'x-ratelimit-remaining': '1' } },
  },
  ...PLANNED.map(([what, most, call]): Case => ({
    ...{ row: 12, seen: '2025', what: `the plan that a server starts with: ${what}`, on: ['2025', 'v4'] },
    set: ({ knobs }) => {
      knobs.set({ limits: PLAN_LIMITS });
    },
    ask: call,
    ...{ status: 200, headers: { 'x-ratelimit-limit': most } },
  })),
  {
    ...{ row: 12, seen: '2025', what: 'a server of one’s own limits nothing', on: ['2025', 'v4'] },
    ask: (stage) => stage.list(),
    ...{ status: 200, headers: { 'x-ratelimit-limit': null } },
  },
  {
    ...{ row: 13, seen: '2025', what: 'a login with an unknown client id', on: ['2025'] },
    ask: login('universal-auth', { clientId: 'nobody', clientSecret: 's' }),
    ...{ status: 404, has: { error: 'NotFound', message: 'No identity with specified client ID was found' } },
  },
  {
    ...{ row: 14, seen: '2025', what: 'a call from an address that is not trusted', on: ['2025', 'v4'] },
    ask: (stage) => {
      stage.double.state.trust(CLIENT.clientId, { token: ['10.0.0.0/8', '::1'] });
      return stage.list();
    },
    ...{ status: 403, has: UNTRUSTED },
  },
  {
    ...{ row: 14, seen: '2025', what: 'a new login does not help, and is taken', on: ['2025', 'v4'] },
    ask: async (stage) => {
      stage.double.state.trust(CLIENT.clientId, { token: ['10.0.0.0/8'] });
      return new Stage(stage.double, await startTalk(stage.double.url, CLIENT)).list();
    },
    ...{ status: 403, has: UNTRUSTED },
  },
  {
    ...{ row: 14, seen: '2025', what: 'a login from an address that is not trusted', on: ['2025', 'v4'] },
    ask: (stage) => {
      stage.double.state.trust(CLIENT.clientId, { login: ['10.0.0.1'] });
      return login('universal-auth', CLIENT)(stage);
    },
    ...{ status: 403, has: UNTRUSTED },
  },
  {
    ...{ row: 15, seen: '2025', what: 'an identity outside the project', on: ['2025'] },
    set: OUTSIDER,
    ask: async (stage) => (await asOutsider(stage)).list(),
    ...{ status: 403, has: NOT_HERE },
  },
  {
    ...{ row: 16, seen: '2025', what: 'a read of an unknown project', on: ['2025'] },
    ask: (stage) => stage.list(stage.project('no-such-id')),
    ...{
      status: 404,
      has: { error: 'NotFound', message: /^Project with ID 'no-such-id' not found during bot lookup/ },
    },
  },
  {
    ...{ row: 16, seen: '2025', what: 'a read with a slug in place of the id', on: ['2025'] },
    ask: (stage) => stage.get('DB_HOST', stage.project('my-project')),
    ...{
      status: 404,
      has: { error: 'NotFound', message: /^Project with ID 'my-project' not found during bot lookup/ },
    },
  },
  {
    ...{ row: 16, seen: '2025', what: 'a folder in an unknown project', on: ['2025'] },
    ask: (stage) => stage.makeFolder('f', stage.project('no-such-id')),
    ...{ status: 403, has: { ...NOT_HERE, error: NOT_HERE.error.replace('project-1', 'no-such-id') } },
  },
  {
    ...{ row: 17, seen: '2025', what: 'a batch with keys that are there', on: ['2025'] },
    set: all(secret('/', 'A', 'v'), secret('/', 'B', 'v')),
    ask: (stage) => stage.createMany([item('A'), item('B'), item('C')]),
    ...{ status: 400, has: { error: 'BadRequest', message: /^Secret already exist: (?:A,B|B,A)$/ } },
  },
  {
    ...{ row: 17, seen: '2025', what: 'a single key that is there', on: ['2025'] },
    ask: (stage) => stage.create('DB_HOST', 'v'),
    ...{ status: 400, has: { error: 'BadRequest', message: 'Secret already exist' } },
  },
  {
    ...{ row: 17, seen: '2026-read', what: 'a batch with keys that are there', on: ['v4'] },
    set: all(secret('/', 'A', 'v'), secret('/', 'B', 'v')),
    ask: (stage) => stage.createMany([item('A'), item('B'), item('C')]),
    ...{ status: 400, has: { message: 'Secret already exists: A,B' } },
  },
  {
    ...{ row: 18, seen: '2025', what: 'a name with a blank', on: ['2025'] },
    ask: (stage) => stage.create('a b', 'v'),
    ...{ status: 422, has: { error: 'ValidationFailure', 'message.0.message': 'Secret name cannot contain spaces.' } },
  },
  {
    ...{ row: 19, seen: '2025', what: 'what is wrong in a batch has its whole path', on: ['2025', 'v4'] },
    ask: (stage) => stage.createMany([item('a:b'), item('a/b'), { secretKey: 'C' }]),
    status: 422,
    has: {
      'message.0.path': ['secrets', 0, 'secretKey'],
      'message.0.message': 'Secret name cannot contain colon.',
      'message.1.path': ['secrets', 1, 'secretKey'],
      'message.1.message': 'Secret name cannot contain forward slash.',
      'message.2.path': ['secrets', 2, 'secretValue'],
    },
  },
  ...['/bad folder', '/v1.0', '/../app'].flatMap((secretPath): readonly Case[] => [
    {
      ...{ row: 20, seen: '2025', what: `a list of ${secretPath}`, on: ['2025', 'v4'] },
      ask: (stage) => stage.list({ secretPath }),
      ...{ status: 400, has: BAD_PATH },
    },
    {
      ...{ row: 20, seen: '2025', what: `a folder below ${secretPath}`, on: ['2025', 'v4'] },
      ask: (stage) => stage.makeFolder('f', { path: secretPath }),
      ...{ status: 400, has: BAD_PATH },
    },
  ]),
  {
    ...{ row: 21, seen: '2025', what: 'a list of a path without a leading slash finds nothing', on: ['2025'] },
    set: secret('/app', 'A', 'v'),
    ask: (stage) => stage.list({ secretPath: 'app' }),
    ...{ status: 200, has: { secrets: [] } },
  },
  {
    ...{ row: 21, seen: '2025', what: 'a get at a path without a leading slash finds nothing', on: ['2025', 'v4'] },
    set: secret('/app', 'A', 'v'),
    ask: (stage) => stage.get('A', { secretPath: 'app' }),
    ...{ status: 404, has: { error: 'GetSecretByName' } },
  },
  {
    ...{ row: 22, seen: '2025', what: 'a name with a slash is routed', on: ['2025', 'v4'] },
    ask: (stage) => stage.get('a/b'),
    ...{ status: 404, has: { error: 'NotFound', message: "Secret with name 'a/b' not found", reqId: /^req-/ } },
  },
  {
    ...{ row: 23, seen: '2025', what: 'a batch without a project', on: ['2025'] },
    ask: ({ talk, batch }) => talk.send('POST', batch, { environment: 'dev', secrets: [item('A')] }),
    ...{ status: 400, has: { error: 'BadRequest', message: 'Must provide either project slug or projectId' } },
  },
  {
    ...{ row: 24, seen: '2025', what: 'the same key twice in a batch', on: ['2025', 'v4'] },
    ask: async (stage) => {
      await stage.createMany([item('A', 'one'), item('A', 'two')]);
      return told(await stage.list(), (body) =>
        (at(body, 'secrets') as readonly unknown[])
          .filter((each) => at(each, 'secretKey') === 'A')
          .map((each) => at(each, 'secretValue'))
          .sort(),
      );
    },
    ...{ status: 200, has: { told: ['one', 'two'] } },
  },
  {
    ...{ row: 25, seen: '2025', what: 'a batch of new secrets in a missing folder', on: ['2025', 'v4'] },
    ask: (stage) => stage.createMany([item('A')], { secretPath: '/none' }),
    ...{
      status: 404,
      has: { error: 'CreateManySecret', message: /^Folder with path '\/none' in environment with slug/ },
    },
  },
  {
    ...{ row: 25, seen: '2025', what: 'a batch of changes to what is not there', on: ['2025', 'v4'] },
    ask: (stage) => stage.talk.send('PATCH', stage.batch, { ...stage.place(), secrets: [item('X'), item('DB_HOST')] }),
    ...{ status: 404, has: { error: 'NotFound', message: 'Secret does not exist: X in path /' } },
  },
  {
    ...{ row: 25, seen: '2025', what: 'a batch of changes in a missing folder', on: ['2025', 'v4'] },
    ask: (stage) =>
      stage.talk.send('PATCH', stage.batch, { ...stage.place({ secretPath: '/none' }), secrets: [item('X')] }),
    ...{ status: 404, has: { error: 'NotFound', message: 'Folder not found' } },
  },
  {
    ...{ row: 26, seen: '2025', what: 'a get without an environment', on: ['2025', 'v4'] },
    ask: ({ talk }) => talk.get('/api/v3/secrets/raw/A?workspaceId=project-1'),
    ...{ status: 400, has: { error: 'BadRequest', message: 'Missing environment' } },
  },
  {
    ...{ row: 26, seen: '2025', what: 'a get without a project', on: ['2025', 'v4'] },
    ask: ({ talk }) => talk.get('/api/v3/secrets/raw/A?environment=dev'),
    ...{ status: 400, has: { error: 'BadRequest', message: 'You must provide workspaceSlug or workspaceId' } },
  },
  {
    ...{ row: 27, seen: '2025', what: 'another scheme than Bearer', on: ['2025', 'v4'] },
    ask: (stage) => withAuthorization(stage, 'Basic dXNlcjpwYXNz'),
    ...{ status: 403, has: { error: 'TokenError', message: /^The provided access token is malformed/ } },
  },
  {
    ...{ row: 28, seen: '2025', what: 'a folder without the right to create one', on: ['2025', 'v4'] },
    set: locked('/', 'create'),
    ask: (stage) => stage.makeFolder('f'),
    ...{ status: 403, has: { error: 'PermissionDenied', message: 'You are not allowed to create on secret-folders' } },
  },
  {
    ...{ row: 29, seen: '2025', what: 'a refusal shows all rules of its subject', on: ['2025', 'v4'] },
    set: all(locked('/', 'readValue'), locked('/other/**', 'describe', 'readValue')),
    ask: (stage) => stage.list(),
    status: 403,
    has: {
      message: 'You are not allowed to readValue on secrets',
      'details.0.action': ['describeSecret', 'readValue', 'create', 'edit', 'delete'],
      'details.0.inverted': false,
      'details.1': {
        action: ['readValue'],
        inverted: true,
        subject: 'secrets',
        conditions: { secretPath: { $glob: '/' } },
      },
      'details.2.action': ['describeSecret', 'readValue'],
      'details.3': undefined,
    },
  },
  {
    ...{ row: 29, seen: '2025', what: 'a refusal of a built-in role shows none', on: ['2025', 'v4'] },
    set: (double) => {
      double.state.addIdentity({ clientId: 'viewer', clientSecret: 's', builtInRole: true });
      double.state.deny('viewer', { actions: ['create'] });
    },
    ask: async ({ double }) =>
      new Stage(double, await startTalk(double.url, { clientId: 'viewer', clientSecret: 's' })).create('A', 'v'),
    ...{ status: 403, has: { message: 'You are not allowed to create on secrets', details: [] } },
  },
  {
    ...{ row: 30, seen: '2025', what: 'the folders of a missing folder', on: ['2025', 'v4'] },
    ask: (stage) => foldersOf(stage, '/none'),
    ...{ status: 200, has: { folders: [] } },
  },
  {
    ...{ row: 31, seen: '2025', what: 'a single secret', on: ['2025'] },
    ask: (stage) => stage.get('DB_HOST'),
    ...{ status: 200, has: { 'secret.secretValueHidden': false, 'secret.tags': [] } },
    lacks: ['secret.secretPath', 'secret.isRotatedSecret', 'secret.rotationId'],
  },
  {
    ...{ row: 31, seen: '2025', what: 'a secret that was made', on: ['2025'] },
    ask: (stage) => stage.create('A', 'v'),
    ...{ status: 200, has: { 'secret.secretValue': 'v' } },
    lacks: ['secret.secretPath', 'secret.secretValueHidden', 'secret.tags', 'secret.secretMetadata'],
  },
  {
    ...{ row: 31, seen: '2025', what: 'an imported secret', on: ['2025'] },
    set: all(secret('/shared', 'A', 'v'), imports('/', '/shared')),
    ask: (stage) => stage.list(),
    ...{ status: 200, has: { 'imports.0.secrets.0.secretKey': 'A' } },
    lacks: ['imports.0.secrets.0.secretReminderNote', 'imports.0.secrets.0.secretReminderRepeatDays'],
  },
  {
    ...{ row: 31, seen: '2025', what: 'a folder', on: ['2025'] },
    ask: async (stage) => told(await stage.makeFolder('f', { path: '/a' }), (body) => keysOf(at(body, 'folder'))),
    status: 200,
    has: {
      told: [
        ...['createdAt', 'description', 'envId', 'id', 'isReserved', 'lastSecretModified', 'name', 'parentId'],
        ...['updatedAt', 'version'],
      ],
    },
  },
  {
    ...{ row: 31, seen: '2026-read', what: 'a secret that was made has the full set', on: ['v4'] },
    ask: (stage) => stage.create('A', 'v'),
    status: 200,
    has: {
      'secret.secretPath': '/',
      'secret.secretValueHidden': false,
      'secret.tags': [],
      'secret.secretMetadata': [],
    },
  },
  {
    ...{ row: 32, seen: '2025', what: 'a login by a method that the identity lacks', on: ['2025', 'v4'] },
    ask: login('oidc-auth', { identityId: 'nobody', jwt: 'x' }),
    status: 404,
    has: { error: 'NotFound', message: 'OIDC auth method not found for identity, did you configure OIDC auth?' },
  },
  {
    ...{ row: 32, seen: '2025', what: 'the same by LDAP', on: ['2025', 'v4'] },
    ask: login('ldap-auth', { identityId: 'nobody', username: 'u', password: 'p' }),
    ...{ status: 401, has: { error: 'UnauthorizedError', message: 'Invalid credentials' } },
  },
  {
    ...{ row: 32, seen: '2025', what: 'a login by TLS certificate has no route', on: ['2025'] },
    ask: login('tls-cert-auth', { identityId: 'nobody' }),
    ...{ status: 404, has: { error: 'Not Found' }, lacks: ['reqId'] },
  },
  {
    ...{ row: 33, seen: '2025', what: 'a token whose uses are spent', on: ['2025', 'v4'] },
    set: (double) => void double.state.addIdentity({ ...CLIENT, accessTokenUsesLimit: 1 }),
    ask: (stage) => times(2, () => stage.list()),
    status: 401,
    has: {
      error: 'UnauthorizedError',
      message: 'Unable to renew because access token number of uses limit reached',
    },
  },
  {
    ...{ row: 34, seen: '2025', what: 'a call while the database is down', on: ['2025', 'v4'] },
    ask: (stage) => {
      stage.double.knobs.set({ outage: 'database' });
      return stage.list();
    },
    ...{ status: 500, has: { error: 'IdAccessTokenFindOne', message: 'Something went wrong' } },
  },
  {
    ...{ row: 34, seen: '2025', what: 'a login while the database is down', on: ['2025', 'v4'] },
    ask: (stage) => {
      stage.double.knobs.set({ outage: 'database' });
      return login('universal-auth', CLIENT)(stage);
    },
    ...{ status: 500, has: { error: 'Find one', message: 'Something went wrong' } },
  },
  {
    ...{ row: 35, seen: '2025', what: 'half of a surrogate pair is replaced', on: ['2025', 'v4'] },
    ask: async (stage) => {
      await stage.create('A', 'x\ud83d');
      return stage.get('A');
    },
    ...{ status: 200, has: { 'secret.secretValue': 'x\ufffd' } },
  },
  {
    ...{ row: 36, seen: '2025', what: 'lines are quoted where a value has a reference, resolved or not' },
    on: ['2025', 'v4'],
    set: secret('/', 'TWO', 'one\n${NOTHING}', { skipMultilineEncoding: true }),
    ask: (stage) => stage.get('TWO'),
    ...{ status: 200, has: { 'secret.secretValue': '"one\\n${NOTHING}"' } },
  },
  {
    ...{ row: 36, seen: '2025', what: 'lines without a reference are not quoted', on: ['2025', 'v4'] },
    set: secret('/', 'TWO', 'one\ntwo', { skipMultilineEncoding: true }),
    ask: (stage) => stage.get('TWO'),
    ...{ status: 200, has: { 'secret.secretValue': 'one\ntwo' } },
  },
  {
    ...{ row: 37, seen: '2026-read', what: 'the id of a certificate is checked for its form', on: ['v4'] },
    ask: ({ talk }) => talk.get('/api/v1/cert-manager/certificates/no-uuid'),
    ...{ status: 422, has: { error: 'ValidationFailure', 'message.0.path': ['id'] } },
  },
  {
    ...{ row: 37, seen: '2026-read', what: 'PEM texts end without a newline', on: ['v4'] },
    set: (double) => {
      double.pki.addProfile({ id: PROFILE, project: DEV.project });
    },
    ask: ({ talk }) =>
      talk.send('POST', '/api/v1/cert-manager/certificates', {
        profileId: PROFILE,
        attributes: { commonName: 'web.example.com', ttl: '30d' },
      }),
    status: 200,
    has: {
      'certificate.certificate': /-----END CERTIFICATE-----$/,
      'certificate.certificateChain': /-----END CERTIFICATE-----$/,
      'certificate.issuingCaCertificate': /-----END CERTIFICATE-----$/,
      'certificate.privateKey': /-----END PRIVATE KEY-----$/,
    },
  },
  {
    ...{
      row: undefined,
      seen: '2025-read',
      what: 'a get of a value that names a folder which is not there',
      on: ['2025'],
    },
    set: secret('/', 'A', 'x ${a.b.C}'),
    ask: (stage) => stage.get('A'),
    ...{ status: 500, has: { error: 'InternalServerError', message: 'Something went wrong' } },
  },
  {
    ...{ row: undefined, seen: '2025-read', what: 'a list of it leaves the text', on: ['2025'] },
    set: secret('/texts', 'A', 'x ${a.b.C}'),
    ask: async (stage) =>
      told(await stage.list({ secretPath: '/texts' }), (body) => at(body, 'secrets', 0, 'secretValue')),
    ...{ status: 200, has: { told: 'x ${a.b.C}' } },
  },
  {
    ...{
      row: undefined,
      seen: '2026-read',
      what: 'a get of a value that names a folder which is not there',
      on: ['v4'],
    },
    set: secret('/', 'A', 'x ${a.b.C}'),
    ask: (stage) => stage.get('A'),
    ...{ status: 200, has: { 'secret.secretValue': 'x ${a.b.C}' } },
  },
  {
    ...{ row: undefined, seen: '2025-read', what: 'a recursive list has the imports of every folder that it shows' },
    on: ['2025', 'v4'],
    set: all(secret('/shared', 'S', 'v'), secret('/app/below', 'B', 'v'), imports('/app/below', '/shared')),
    ask: async (stage) => namesOfImports(await stage.list({ secretPath: '/app', recursive: 'true' })),
    ...{ status: 200, has: { keys: ['S'] } },
  },
  {
    ...{
      row: undefined,
      seen: '2025-read',
      what: 'a recursive list of a missing environment is refused',
      on: ['2025'],
    },
    ask: (stage) => stage.list({ environment: 'none', recursive: 'true' }),
    ...{
      status: 404,
      has: { error: 'NotFound', message: /^Environment with slug 'none' in project with ID project-1 / },
    },
  },
];

/** What the double had right already, of the same 142 requests: worth keeping. */
const ALIKE: readonly Case[] = [
  {
    ...{ row: undefined, seen: '2025', what: 'v4 is no route', on: ['2025', '2024'] },
    ask: ({ talk }) => talk.get('/api/v4/secrets?projectId=project-1&environment=dev'),
    ...{ status: 404, has: { error: 'Not Found', message: /^Route GET:\/api\/v4\/secrets/ }, lacks: ['reqId'] },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a name of 101 characters is no route', on: ['2025', 'v4'] },
    ask: (stage) => stage.get('K'.repeat(101)),
    ...{ status: 404, has: { error: 'Not Found' }, lacks: ['reqId'] },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a value is trimmed, but for one last newline', on: ['2025', 'v4'] },
    ask: async (stage) => {
      await stage.create('A', '  x y \n\n');
      return stage.get('A');
    },
    ...{ status: 200, has: { 'secret.secretValue': 'x y\n' } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'values are hidden on request', on: ['2025', 'v4'] },
    ask: (stage) => stage.list({ viewSecretValue: 'false' }),
    status: 200,
    has: { 'secrets.0.secretValue': '<hidden-by-infisical>', 'secrets.0.secretValueHidden': true },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'personal secrets never reach identities', on: ['2025', '2025-v4', 'v4'] },
    set: secret('/mine', 'A', 'mine', { type: 'personal' }),
    ask: (stage) => stage.list({ secretPath: '/mine', includePersonalOverrides: 'true' }),
    ...{ status: 200, has: { secrets: [] } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'imports and references are left alone unless asked for' },
    on: ['2025', '2025-v4'],
    set: all(secret('/', 'REF', '${DB_HOST}'), secret('/shared', 'S', 'v'), imports('/', '/shared')),
    ask: async (stage) => {
      const { body } = await stage.talk.get(`${stage.secrets}?${new URLSearchParams(stage.place()).toString()}`);
      const single = await stage.talk.get(`${stage.secrets}/REF?${new URLSearchParams(stage.place()).toString()}`);
      return told(single, (found) => [at(body, 'imports'), at(found, 'secret', 'secretValue')]);
    },
    ...{ status: 200, has: { told: [[], '${DB_HOST}'] } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a token that was revoked', on: ['2025', 'v4'] },
    ask: async (stage) => {
      await stage.talk.send('POST', '/api/v1/auth/token/revoke', { accessToken: stage.talk.token });
      return stage.list();
    },
    ...{ status: 401, has: { error: 'UnauthorizedError', message: 'No identity access token found' } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a token that is renewed is another one', on: ['2025', 'v4'] },
    // Below the ceiling: June 2025 forgets a token whose renewal would pass it.
    set: (double) => void double.state.addIdentity({ ...CLIENT, accessTokenTtl: 60, accessTokenMaxTtl: 3_600 }),
    ask: async ({ talk }) =>
      told(await talk.send('POST', '/api/v1/auth/token/renew', { accessToken: talk.token }), (body) => [
        at(body, 'expiresIn'),
        at(body, 'accessToken') === talk.token,
      ]),
    ...{ status: 200, has: { told: [60, false] } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'no lockout before August 2025', on: ['2025'] },
    ask: async (stage) => {
      await times(5, () => login('universal-auth', { ...CLIENT, clientSecret: 'wrong' })(stage));
      return told(await login('universal-auth', CLIENT)(stage), (body) => typeof at(body, 'accessToken'));
    },
    ...{ status: 200, has: { told: 'string' } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a body of more than 1 MiB', on: ['2025', 'v4'] },
    ask: (stage) => stage.create('BIG', 'x'.repeat(1_200_000)),
    ...{ status: 500, has: { error: 'InternalServerError', message: 'Something went wrong' } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a folder is made with its parents, and again', on: ['2025', 'v4'] },
    ask: async (stage) => {
      await times(2, () => stage.makeFolder('c', { path: '/a/b' }));
      return stage.list({ secretPath: '/a/b/c' });
    },
    ...{ status: 200, has: { secrets: [] } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a folder with a bad name', on: ['2025', 'v4'] },
    ask: (stage) => stage.makeFolder('no.dots'),
    ...{ status: 422, has: { error: 'ValidationFailure', 'message.0.path': ['name'] } },
  },
  {
    ...{ row: undefined, seen: '2025', what: 'a batch of changes makes what is missing', on: ['2025', 'v4'] },
    ask: (stage) => {
      const secrets = [item('NEW'), item('DB_HOST')];
      return stage.talk.send('PATCH', stage.batch, { ...stage.place(), mode: 'upsert', secrets });
    },
    ...{ status: 200, has: { 'secrets.0.version': 1, 'secrets.1.version': 2 } },
  },
];

const PROFILE = '6f0c6a0e-7c1c-4b8a-9f1e-1b2c3d4e5f60';

function told(answer: Answer, tell: (body: unknown) => unknown): Answer {
  return { ...answer, body: { told: tell(answer.body) } };
}

function namesOfImports(answer: Answer): Answer {
  const groups = at(answer.body, 'imports') as readonly {
    readonly secrets: readonly { readonly secretKey: string }[];
  }[];
  return { ...answer, body: { keys: groups.flatMap(({ secrets }) => secrets.map(({ secretKey }) => secretKey)) } };
}

async function withAuthorization({ double, secrets }: Stage, authorization: string): Promise<Answer> {
  const response = await fetch(`${double.url}${secrets}`, { headers: { authorization, connection: 'close' } });
  const { status, headers } = response;
  return { status, headers, contentType: headers.get('content-type'), body: await response.json() };
}

describe('the double answers as was observed', () => {
  for (const each of [...CASES, ...ALIKE]) {
    for (const generation of each.on) {
      const row = each.row === undefined ? 'without a row' : `row ${String(each.row)}`;
      test(`${row}, ${generation}: ${each.what} (${each.seen})`, async () => {
        const now = Date.parse('2026-09-01T00:00:00Z');
        const double = await startSample({ generation, now: () => now });
        try {
          each.set?.(double);
          check(await each.ask(new Stage(double, await startTalk(double.url, CLIENT))), each);
        } finally {
          await double.close();
        }
      });
    }
  }

  test('row 34: nothing is answered while Redis is down (2025)', async () => {
    const double = await startSample({ generation: '2025' });
    const stage = new Stage(double, await startTalk(double.url, CLIENT));
    double.knobs.set({ outage: 'redis' });
    const unanswered = assert.rejects(stage.list());
    while (double.count('list') === 0) await new Promise(setImmediate);
    await double.close();
    await unanswered;
    assert.equal(double.calls.at(-1)?.status, 0);
  });

  test('every row of the table of observed differences has a case', () => {
    const rows = new Set(CASES.map(({ row }) => row));
    assert.deepEqual(
      Array.from({ length: 37 }, (_, index) => index + 1).filter((row) => !rows.has(row)),
      [],
    );
  });
});
