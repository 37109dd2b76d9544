// What `keys:` of a source becomes: one entry for each secret that Podman is to have.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SecretSpec } from '../../../src/core/workload.ts';
import { findingsOf, load, PROVIDER } from './support.ts';

async function sources(text: string): Promise<readonly SecretSpec[]> {
  const config = await load(`${PROVIDER}workloads:\n  myapp:\n    secrets:\n      - ${text}\n`);
  return config.workloads[0]?.secrets ?? [];
}

test('a key becomes a variable, several, or files with mode and owner', async () => {
  const text =
    '{ project: myproject, path: /myapp, keys: { DB_PASSWORD: POSTGRES_PASSWORD, API_KEY: [API_KEY, LEGACY], ' +
    'tls.key: { file: /etc/app//tls.key, mode: "400", uid: 999, gid: 0 }, BOTH: [BOTH, { file: both }] } }';
  const [source, ...others] = await sources(text);
  assert.deepEqual(others, []);
  assert.deepEqual(source?.keys, [
    { key: 'DB_PASSWORD', uses: [{ kind: 'env', target: 'POSTGRES_PASSWORD', mode: undefined }] },
    {
      key: 'API_KEY',
      uses: [
        { kind: 'env', target: 'API_KEY', mode: undefined },
        { kind: 'env', target: 'LEGACY', mode: undefined },
      ],
    },
    { key: 'tls.key', uses: [{ kind: 'mount', target: '/etc/app/tls.key', mode: '0400', uid: 999, gid: 0 }] },
    {
      key: 'BOTH',
      uses: [
        { kind: 'env', target: 'BOTH', mode: undefined },
        { kind: 'mount', target: 'both', mode: undefined },
      ],
    },
  ]);
});

test('files of one key with different owners are entries of their own, because Podman keeps one file for a secret', async () => {
  const files = '[{ file: /a, uid: 1 }, K, { file: /b, uid: 2 }, { file: /c, uid: 1 }]';
  const found = await sources(`{ project: myproject, keys: { K: ${files}, L: L } }`);
  assert.deepEqual(
    found.map(({ keys }) => keys?.map(({ key, uses }) => [key, uses.map(({ target }) => target)])),
    [
      [
        ['K', ['K', '/a', '/c']],
        ['L', ['L']],
      ],
      [['K', ['/b']]],
    ],
  );
});

test('a name that systemd would split becomes an absolute path, which can be escaped', async () => {
  const [source] = await sources('{ project: myproject, keys: { K: { file: "my app/key" }, L: discovery.type } }');
  assert.deepEqual(
    source?.keys?.map(({ uses }) => uses[0]?.target),
    ['/run/secrets/my app/key', 'discovery.type'],
  );
});

test('a mounted folder has an owner too, and a source without keys says nothing of any', async () => {
  const [mount] = await sources('{ project: myproject, as: mount, mode: "0440", uid: 0, gid: 70 }');
  assert.deepEqual([mount?.mode, mount?.uid, mount?.gid, mount?.keys], ['0440', 0, 70, undefined]);
  const [plain] = await sources('{ project: myproject }');
  assert.deepEqual([plain?.mode, plain?.uid, plain?.gid, plain?.keys], [undefined, undefined, undefined, undefined]);
});

test('mode and owner of a variable are warnings: such a config was served before', async () => {
  const text = `${PROVIDER}workloads: { a: { secrets: [{ project: myproject, mode: "0400", uid: 1, gid: 1 }] } }`;
  assert.deepEqual(
    (await findingsOf(text)).map(({ code, severity, path }) => [code, severity, path]),
    ['mode', 'uid', 'gid'].map((word) => ['MODE_WITHOUT_MOUNT', 'warning', `workloads.a.secrets.0.${word}`]),
  );
});

test('whatever stands under keys, the answer is a config or findings with places', async () => {
  for (const value of ['5', '[]', 'null', '{}', '{ A: { file: {} } }', '{ A: [[A]] }', 'text']) {
    const findings = await findingsOf(
      `${PROVIDER}workloads: { a: { secrets: [{ project: myproject, keys: ${value} }] } }`,
    );
    assert.ok(findings.length > 0, value);
    assert.ok(
      findings.every(({ line, column }) => line === 6 && column > 1),
      JSON.stringify(findings),
    );
  }
});
