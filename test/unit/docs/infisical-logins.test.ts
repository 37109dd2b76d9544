// The login examples of the documentation, read as a config reads them.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { infisicalOf, load } from '../config/support.ts';

const text = await readFile(join(import.meta.dirname, '../../../docs/infisical-provider.md'), 'utf8');
const examples = [...text.matchAll(/```yaml\n((?:auth|projects):\n[^]*?)```/g)].map(([, yaml = '']) => yaml);
const PROJECT = 'projects:\n  myproject: { id: p1 }\n';

test('every login example is a valid config, and there is one for each method', async () => {
  const methods = new Set<string>();
  for (const example of examples) {
    const provider = example.startsWith('auth:') ? `${example}${PROJECT}` : example;
    const config = await load(`providers:\n  infisical:\n${provider.replace(/^/gm, '    ').trimEnd()}\n`);
    for (const { auth } of infisicalOf(config)?.projects.values() ?? []) methods.add(auth.method);
  }
  assert.deepEqual([...methods].sort(), [
    'aws-iam',
    'azure',
    'gcp',
    'jwt',
    'kubernetes',
    'ldap',
    'oidc',
    'tls-cert',
    'token',
    'universal-auth',
  ]);
});
