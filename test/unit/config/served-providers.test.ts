import assert from 'node:assert/strict';
import { test } from 'node:test';
import { infisicalSection } from '../../../src/adapters/infisical/config.ts';
import { servedProviders } from '../../../src/config/served-providers.ts';
import { jsonFileSection } from '../../fakes/json-file-provider.ts';
import { load } from './support.ts';

const KINDS = [infisicalSection, jsonFileSection] as const;
const CERTIFICATE =
  'tls: {certificates: {web: {project: p, profile_id: f, common_name: a, output: {cert: /c, key: /k, chain: /h}}}}';
const AUTH = 'auth: {method: token, access_token: {file: /t}}, projects: {p: {id: p1}}';

test('a host without providers is prepared for one of the first kind', async () => {
  const one = { name: 'infisical', title: 'Infisical', group: 'infisical' };
  assert.deepEqual(servedProviders(await load('{}'), KINDS), { providers: [one], certifier: one });
});

test('units know a provider by its name, and who has the certificates', async () => {
  const config = await load(
    `providers: {north: {kind: infisical, ${AUTH}}, south: {kind: infisical, ${AUTH}, ${CERTIFICATE}}}`,
  );
  const { providers, certifier } = servedProviders(config, KINDS);
  assert.deepEqual(
    providers.map(({ name, title }) => [name, title]),
    [
      ['north', 'Infisical'],
      ['south', 'Infisical'],
    ],
  );
  assert.equal(certifier.name, 'south');
});

test('a provider that is added above the usual one renames no units', async () => {
  const config = await load(`providers: {north: {kind: infisical, ${AUTH}}, infisical: {${AUTH}}}`);
  const { providers } = servedProviders(config, KINDS);
  assert.deepEqual(
    providers.map(({ name }) => name),
    ['infisical', 'north'],
  );
});
