import assert from 'node:assert/strict';
import { test } from 'node:test';
import { infisicalSection } from '../../../src/adapters/infisical/config.ts';
import { providerKind, providerSection } from '../../../src/config/provider-section.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { configJsonSchema } from '../../../src/config/schema/json-schema.ts';
import { absolutePath } from '../../../src/config/schema/path-fields.ts';
import { section } from '../../../src/config/schema/section.ts';
import type { Config } from '../../../src/config/config.ts';
import { isRecord } from '../../../src/config/schema/shape.ts';
import { fakeProviderTools } from '../../fakes/provider-tools.fake.ts';
import { load, problemsOf } from './support.ts';
import { WORDS } from '../../fakes/provider.fake.ts';

const AUTH = 'auth: {method: token, access_token: {file: /t}}, projects: {p: {id: p1}}';

test('an entry is of the kind that it names, else of the one that has its name', async () => {
  const config = await load(`
providers: {north: {kind: infisical, ${AUTH}}, infisical: {${AUTH}}}
workloads: {app: {provider: north, secrets: [{project: p}]}}
`);
  assert.deepEqual(
    [...config.providers].map(([name, { kind }]) => [name, kind]),
    [
      ['north', 'infisical'],
      ['infisical', 'infisical'],
    ],
  );
  assert.equal(config.workloads[0]?.provider, 'north');
});

test('an entry of another name is checked as its kind is', async () => {
  const { issues } = await problemsOf(
    'providers: {north: {kind: infisical, api_url: http://a, projects: {p: {id: 1}}}}',
  );
  assert.deepEqual(
    issues.map(({ code, path }) => [code, path]),
    [
      ['INSECURE_URL', 'providers.north.api_url'],
      ['NO_AUTH', 'providers.north.projects.p'],
      ['BAD_TEXT', 'providers.north.projects.p.id'],
    ],
  );
});

test('a kind that is no word of this psi is refused where it stands, with the one that was meant', async () => {
  const { issues } = await problemsOf('providers: {infisical: {kind: infisicl}}');
  assert.deepEqual(
    issues.map(({ code, path, hint }) => [code, path, hint]),
    [['NOT_A_CHOICE', 'providers.infisical.kind', 'did you mean infisical? use one of the words listed']],
  );
});

test('a name alone that is no kind is refused', async () => {
  const { issues } = await problemsOf('providers: {north: {api_url: "https://a"}}');
  assert.deepEqual(
    issues.map(({ code, path }) => [code, path]),
    [['UNSUPPORTED_PROVIDER', 'providers.north']],
  );
});

test('a name that could break out of a unit file is refused', async () => {
  const { issues } = await problemsOf('providers: {"a b": {kind: infisical}, __proto__: {kind: infisical}}');
  assert.deepEqual(
    issues.map(({ code, path }) => [code, path]),
    [
      ['BAD_NAME', 'providers.a b'],
      ['UNSUPPORTED_PROVIDER', 'providers.__proto__'],
    ],
  );
});

const folderSection = providerSection({
  kind: 'folder',
  words: WORDS,
  codec: section({ root: absolutePath }, {}),
  assemble: ({ root }, { caCert }) => ({
    kind: 'folder',
    root,
    caCert,
    projects: new Map(),
    certificates: undefined,
  }),
});
const KINDS = [infisicalSection, folderSection];
const loadWith = (text: string): Promise<Config> =>
  loadConfig({ env: {}, uid: 0, kinds: KINDS, readFile: () => Promise.resolve(new TextEncoder().encode(text)) });

test('a second kind brings its own keys, and takes over what holds for all', async () => {
  const config = await loadWith('{ca_cert: /ca.pem, providers: {folder: {root: /srv}, infisical: {}}}');
  const folder = config.providers.get('folder');
  assert.ok(folder && folderSection.isOwn(folder));
  assert.deepEqual([folder.root, folder.caCert], ['/srv', '/ca.pem']);
  await assert.rejects(loadWith('{providers: {folder: {kind: infisical, root: /srv}}}'), /1 problem/);
});

test('an editor learns the keys of each kind, and that another name needs a kind', () => {
  const { properties } = configJsonSchema(KINDS);
  assert.ok(isRecord(properties) && isRecord(properties['providers']));
  const { properties: entries, additionalProperties } = properties['providers'];
  assert.ok(isRecord(entries) && isRecord(additionalProperties));
  assert.deepEqual(Object.keys(entries), ['infisical', 'folder', 'sealed', 'nitrokeyhsm']);
  assert.match(JSON.stringify(additionalProperties), /"required":\["kind"\].*folder/);
});

test('what opens a provider is loaded when one of its kind is opened', async () => {
  let loads = 0;
  const kind = providerKind(folderSection, () => {
    loads += 1;
    return Promise.reject(new Error('loaded'));
  });
  const config = await loadWith('{providers: {folder: {root: /srv}, infisical: {}}}');
  const [folder, infisical] = [config.providers.get('folder'), config.providers.get('infisical')];
  assert.ok(folder && infisical);
  await assert.rejects(kind.open(infisical, fakeProviderTools()), { code: 'INTERNAL' });
  assert.equal(loads, 0);
  await assert.rejects(kind.open(folder, fakeProviderTools()), /loaded/);
});
