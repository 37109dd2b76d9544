// What a person does on a server that answers as was observed, row by row; answers.test.ts shows what PSI says to it.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InfisicalDouble } from '../../doubles/infisical/infisical-double.ts';
import type { Generation } from '../../doubles/infisical/model.ts';
import { startTalk } from '../../doubles/infisical/talk.ts';
import { isGet, isList, type Told } from './front.ts';
import { CLIENT, PLACE, type Observed, type StageOptions } from './stage.ts';

/** A command of psi by its words, or the start of a container that asks for one key. */
export type Does = readonly string[] | { readonly lookup: string };

export type Case = {
  /** Of the table of observed answers, and of the list of faults. */
  readonly rows: string;
  readonly what: string;
  readonly on: readonly Generation[];
  readonly stage?: StageOptions;
  /** After a setup that went well: what changes then. Absent: there is no setup before. */
  readonly then?: (it: Observed) => void | Promise<void>;
  /** Without a setup before. */
  readonly first?: (it: Observed) => void | Promise<void>;
  readonly does: readonly Does[];
};

const SETUP = ['setup'];
const DRY = ['setup', '--dry-run'];
const LOGIN = ['infisical', 'login'];
const env = (path: string, ...more: readonly string[]): Does => {
  return ['infisical', 'env', '--project', 'main', '--path', path, ...more];
};
const importFile = (...more: readonly string[]): Does => {
  return ['infisical', 'import', 'env-file', 'DIR/import.env', '--project', 'main', '--path', '/new', ...more];
};
const lookup = (key: string): Does => ({ lookup: key });
const toFile = (key: string, path: string): Does => {
  return ['infisical', 'write-file', key, 'DIR/out', '--project', 'main', '--path', path];
};

const envFile =
  (...lines: readonly string[]) =>
  (it: Observed): Promise<void> =>
    writeFile(join(it.options.dir, 'import.env'), `${lines.join('\n')}\n`);

const imports = (path: string, fromPath: string): NonNullable<StageOptions['seed']> => ({
  imports: [{ ...PLACE, path, fromEnvironment: PLACE.environment, fromPath }],
});
const deny =
  (path: string | undefined, ...actions: readonly ('describe' | 'readValue' | 'create')[]) =>
  ({ state }: InfisicalDouble): void => {
    state.deny(CLIENT.clientId, { path, actions });
  };
const outsider = ({ state }: InfisicalDouble): void => {
  state.addIdentity({ ...CLIENT, projects: ['another-project'] });
};
const auth = (fields: object): StageOptions => ({ provider: { auth: fields } });
const BY_IDENTITY = { identity_id: '1c2d3e4f-0000-4000-8000-000000000000' };

const ONE = { '/app': { TOKEN: 'canary-token' } };
const RECURSIVE: StageOptions = {
  folders: { '/app': { PLAIN: 'plain' }, '/app/sub': { FAR: 'canary-far' } },
  secrets: [{ project: 'main', path: '/app', recursive: true }],
};
const IMPORTED: StageOptions = {
  folders: { '/app': { PLAIN: 'plain' }, '/shared': { FAR: 'canary-far' } },
  seed: imports('/app', '/shared'),
};
const REFERS = 'pg://${prod.locked.PASSWORD}@db';
const LOCKED = { '/locked': { PASSWORD: 'canary-password' } };
const OWN_REFERENCE: StageOptions = { folders: { '/app': { DB_URL: REFERS, PLAIN: 'plain' }, ...LOCKED } };
const IMPORTED_REFERENCE: StageOptions = {
  folders: { '/app': { PLAIN: 'plain' }, '/shared': { DB_URL: REFERS }, ...LOCKED },
  seed: imports('/app', '/shared'),
};
const hide =
  (path: string, key?: string) =>
  (it: Observed): void => {
    it.hide(path, key);
  };

const GATEWAY = { status: 404, body: { message: 'no Route matched with those values' } };
const limited = (seconds: number): Told => ({
  status: 429,
  headers: { 'retry-after': String(seconds) },
  body: {
    reqId: 'req-1',
    statusCode: 429,
    message: `Rate limit exceeded. Please try again in ${String(seconds)} seconds`,
    error: 'RateLimitExceeded',
  },
});

async function withSpentToken(it: Observed): Promise<void> {
  it.infisical.state.addIdentity({ ...CLIENT, accessTokenUsesLimit: 1 });
  const talk = await startTalk(it.infisical.url, CLIENT);
  await talk.get(`/api/v3/secrets/raw?workspaceId=${PLACE.project}&environment=prod`);
  const access = { method: 'token', access_token: talk.token };
  await it.psi.writeConfig({ ...it.options, provider: { auth: access } });
}

export const CASES: readonly Case[] = [
  {
    ...{ rows: 'row 1, I3', what: 'no right to see anything in the folder', on: ['2025', 'v4'] },
    stage: { folders: ONE, prepare: deny('/app', 'describe', 'readValue') },
    does: [DRY, SETUP, env('/app')],
  },
  {
    ...{ rows: 'row 1', what: 'no right to see anything in the project', on: ['2025'] },
    stage: { folders: ONE, prepare: deny(undefined, 'describe', 'readValue') },
    does: [SETUP, env('/app')],
  },
  {
    ...{ rows: 'row 2, I3', what: 'the path is misspelt', on: ['2025', 'v4'] },
    stage: { folders: ONE, secrets: [{ project: 'main', path: '/ap' }] },
    does: [DRY, SETUP, env('/ap'), env('/ap', '--allow-empty')],
  },
  {
    ...{ rows: 'row 2, I3', what: 'the environment is misspelt', on: ['2025', 'v4'] },
    stage: { folders: ONE, environment: 'prd' },
    does: [SETUP, env('/app'), toFile('TOKEN', '/app')],
  },
  {
    ...{ rows: 'row 2, I3', what: 'a folder that had secrets is emptied', on: ['2025'] },
    stage: { folders: ONE },
    then: (it) => {
      it.remove('/app', 'TOKEN');
    },
    does: [SETUP, lookup('TOKEN')],
  },
  {
    ...{ rows: 'row 2', what: 'a folder that had secrets is gone', on: ['2024', '2025', 'v4'] },
    stage: { folders: ONE },
    then: (it) => {
      it.infisical.state.deleteFolder({ ...PLACE, path: '/app' });
    },
    does: [SETUP, lookup('TOKEN')],
  },
  {
    ...{ rows: 'rows 3 and 5, I2, I6', what: 'a value refers to a secret that may not be read' },
    ...{ on: ['2025', 'v4'], stage: OWN_REFERENCE, then: hide('/locked') },
    does: [SETUP, lookup('DB_URL'), lookup('PLAIN'), env('/app'), toFile('DB_URL', '/app')],
  },
  {
    ...{ rows: 'row 4, I2', what: 'an imported value refers to a secret that may not be read' },
    ...{ on: ['2025', 'v4'], stage: IMPORTED_REFERENCE, then: hide('/locked') },
    does: [SETUP, lookup('DB_URL'), env('/app'), toFile('DB_URL', '/app')],
  },
  {
    ...{ rows: 'row 6, I1', what: 'the right to read values of an imported folder is lost' },
    ...{ on: ['2025'], stage: IMPORTED, then: hide('/shared') },
    does: [DRY, SETUP, lookup('FAR'), env('/app')],
  },
  {
    ...{ rows: 'I1', what: 'the right to read values of a sub-folder is lost', on: ['2025'] },
    ...{ stage: RECURSIVE, then: hide('/app/sub') },
    does: [DRY, SETUP, lookup('FAR'), env('/app/sub')],
  },
  {
    ...{ rows: 'I1', what: 'a key of a sub-folder may not be read, and never could', on: ['2025'] },
    ...{ stage: RECURSIVE, first: hide('/app/sub', 'FAR') },
    does: [DRY, SETUP],
  },
  {
    ...{ rows: 'I14', what: 'the right to read values of a sub-folder is lost', on: ['2024'] },
    ...{ stage: RECURSIVE, then: hide('/app/sub') },
    does: [DRY, SETUP, lookup('FAR')],
  },
  {
    ...{ rows: 'I14', what: 'a key is renamed', on: ['2024', 'v4'] },
    stage: { folders: { '/app': { OLD: 'v', OTHER: 'v' } } },
    then: (it) => {
      it.remove('/app', 'OLD');
      it.set('/app', 'NEW', 'v');
    },
    does: [DRY, SETUP, lookup('OLD')],
  },
  {
    ...{ rows: 'I8', what: 'one value of a folder may not be read', on: ['2025'] },
    stage: { folders: { '/app': { ONE: '1', HIDDEN: 'canary' } } },
    then: hide('/app', 'HIDDEN'),
    does: [SETUP, lookup('HIDDEN'), env('/app'), env('/app', '--format', 'json')],
  },
  {
    ...{ rows: 'rows 9 and 10', what: 'references to an empty secret and in a circle', on: ['2025', 'v4'] },
    stage: { folders: { '/app': { EMPTY: '', ANGLE: '<${EMPTY}>', LOOP_A: '${LOOP_B}', LOOP_B: '${LOOP_A}' } } },
    does: [SETUP, lookup('ANGLE'), env('/app', '--format', 'json')],
  },
  {
    ...{ rows: 'I2', what: 'texts that refer to nothing', on: ['2025'] },
    stage: { folders: { '/app': { PASSWORD: 'pa$$${X}', TEMPLATE: '%d ${HOSTNAME}' } } },
    does: [SETUP, lookup('PASSWORD'), env('/app')],
  },
  {
    ...{ rows: 'row 11, I4', what: 'an import with a reference to nothing', on: ['2025', 'v4'] },
    first: envFile("A='${NOPE}'", 'GOOD=good', "PASSWORD='pa$$w0rd${x}end'"),
    does: [importFile()],
  },
  {
    ...{ rows: 'row 11, I4', what: 'an import with a reference to a key of its own', on: ['2025'] },
    first: envFile("URL='pg://${HOST}'", 'HOST=db'),
    does: [importFile()],
  },
  {
    ...{ rows: 'row 11, I4', what: 'an import with references to a missing environment and folder', on: ['2025'] },
    first: envFile("A='${nowhere.KEY}'", "B='${prod.nowhere.KEY}'", 'GOOD=good'),
    does: [importFile()],
  },
  {
    ...{ rows: 'row 12', what: 'the limit of requests is reached', on: ['2025'] },
    stage: { folders: ONE },
    then: (it) => {
      // Longer than anybody waits.
      it.front.answer = (asked) => (isGet(asked) || isList(asked) ? limited(3_600) : undefined);
    },
    does: [lookup('TOKEN'), env('/app')],
  },
  {
    ...{ rows: 'row 12, I5', what: 'the first listing of an import is limited', on: ['2025'] },
    first: async (it) => {
      await envFile('GOOD=good')(it);
      let once = false;
      it.front.answer = (asked) => {
        if (once || !isList(asked)) return undefined;
        once = true;
        return limited(2);
      };
    },
    does: [importFile()],
  },
  {
    ...{ rows: 'row 13', what: 'the client id is not known', on: ['2025', 'v4'] },
    stage: auth({ method: 'universal-auth', client_id: 'nobody', client_secret: 'canary' }),
    does: [LOGIN, env('/app')],
  },
  {
    ...{ rows: 'I11', what: 'the client secret is wrong', on: ['v4'] },
    stage: auth({ method: 'universal-auth', client_id: CLIENT.clientId, client_secret: 'canary-wrong' }),
    does: [LOGIN, LOGIN, LOGIN, LOGIN],
  },
  {
    ...{ rows: 'row 14, I7', what: 'a login from an address that is not trusted', on: ['2025'] },
    stage: {
      prepare: ({ state }) => {
        state.trust(CLIENT.clientId, { login: ['10.0.0.0/8'] });
      },
    },
    does: [LOGIN, env('/app')],
  },
  {
    ...{ rows: 'row 14, I7', what: 'a token from an address that is not trusted', on: ['2025'] },
    stage: { folders: ONE },
    then: (it) => {
      it.infisical.state.trust(CLIENT.clientId, { token: ['10.0.0.0/8'] });
    },
    does: [lookup('TOKEN'), SETUP, env('/app')],
  },
  {
    ...{ rows: 'row 15', what: 'the identity does not belong to the project', on: ['2025', 'v4'] },
    stage: { folders: ONE, prepare: outsider },
    first: envFile('GOOD=good'),
    does: [SETUP, env('/app'), importFile()],
  },
  {
    ...{ rows: 'row 16', what: 'the project is not known, or its slug was taken for its id', on: ['2025', 'v4'] },
    stage: { folders: ONE },
    first: async (it) => {
      await envFile('GOOD=good')(it);
      await it.psi.writeConfig({ ...it.options, projects: { main: { id: 'the-slug', environment: 'prod' } } });
    },
    does: [SETUP, env('/app'), importFile()],
  },
  {
    ...{ rows: 'row 18', what: 'an import of a name with a blank', on: ['2025'] },
    first: async ({ podman }) => {
      const nothing = { options: {}, labels: {}, replace: false };
      await podman.create({ name: 'plain', driver: 'file', body: Buffer.from('value'), ...nothing });
    },
    does: [['infisical', 'import', 'podman-secret', '--name', 'plain', '--key', 'plain=a b', '--project', 'main']],
  },
  {
    ...{ rows: 'row 20, I9', what: 'a path with a blank', on: ['2025'] },
    stage: { folders: ONE, secrets: [{ project: 'main', path: '/bad folder' }] },
    does: [SETUP, env('/bad folder')],
  },
  {
    ...{ rows: 'row 21, I12', what: 'a path without its leading slash', on: ['2025'] },
    stage: { folders: { '/app': { TOKEN: 'shown' } }, secrets: [{ project: 'main', path: 'app' }] },
    does: [SETUP, env('app')],
  },
  {
    ...{ rows: 'row 25', what: 'an import into an environment that is not there', on: ['2025'] },
    first: envFile('GOOD=good'),
    does: [importFile('--environment', 'prd')],
  },
  {
    ...{ rows: 'row 28', what: 'an import without the right to make a folder', on: ['2025'] },
    stage: { prepare: deny(undefined, 'create') },
    first: envFile('GOOD=good'),
    does: [importFile()],
  },
  {
    ...{ rows: 'row 29', what: 'an import without the right to write', on: ['2025'] },
    stage: { folders: { '/new': { OLD: 'v' } }, prepare: deny(undefined, 'create') },
    first: envFile('GOOD=good'),
    does: [importFile()],
  },
  {
    ...{ rows: 'row 32', what: 'a login by a method that the identity lacks: oidc', on: ['2025'] },
    stage: auth({ method: 'oidc', ...BY_IDENTITY, jwt: { command: ['printf', 'e30.e30.e30'] } }),
    does: [LOGIN],
  },
  {
    ...{ rows: 'row 32', what: 'a login by a method that the identity lacks: ldap', on: ['2025'] },
    stage: auth({ method: 'ldap', ...BY_IDENTITY, username: 'psi', password: 'canary' }),
    does: [LOGIN],
  },
  {
    ...{ rows: 'row 33', what: 'the uses of an access token are spent', on: ['2025'] },
    first: withSpentToken,
    does: [env('/app')],
  },
  {
    ...{ rows: 'row 34', what: 'the database is down', on: ['2025'] },
    stage: { folders: ONE },
    then: (it) => {
      it.infisical.knobs.set({ outage: 'database' });
    },
    does: [lookup('TOKEN'), env('/app'), LOGIN],
  },
  {
    ...{ rows: 'row 34', what: 'Redis is down, and nothing is answered', on: ['2025'] },
    stage: { folders: ONE, config: { lookup: { timeout: '500ms', batch_window: 0 } } },
    then: (it) => {
      it.infisical.knobs.set({ outage: 'redis' });
    },
    does: [lookup('TOKEN')],
  },
  {
    ...{ rows: 'I10', what: 'a gateway says that there is no such route', on: ['2025'] },
    stage: { folders: ONE },
    then: (it) => {
      it.front.answer = (asked) => (isGet(asked) || isList(asked) ? GATEWAY : undefined);
    },
    does: [lookup('TOKEN'), env('/app')],
  },
];
