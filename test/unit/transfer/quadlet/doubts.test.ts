import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SecretUse } from '../../../../src/core/workload.ts';
import { quadletDoubts } from '../../../../src/transfer/quadlet/doubts.ts';
import { specifiersOf } from '../../../../src/transfer/quadlet/specifiers.ts';
import { FakeQuadletFiles } from '../../../fakes/quadlet-files.fake.ts';

const PATH = '/q/app.container';
const manager = { scope: 'system', specifiers: specifiersOf('system', {}, { uid: 0, name: 'root' }) } as const;

/** `dropIns`: by file name. */
function doubts(
  lines: readonly string[],
  uses: readonly SecretUse[],
  dropIns: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const files = Object.assign(new FakeQuadletFiles(), { pathOf: (unit: string) => Promise.resolve(`/q/${unit}`) });
  files.texts.set(PATH, ['[Container]', 'Image=x', ...lines, ''].join('\n'));
  for (const [name, text] of Object.entries(dropIns)) files.texts.set(`${PATH}.d/${name}`, text);
  return quadletDoubts({ files, manager }).of('app.container', uses);
}

function file(target: string, rights: Partial<SecretUse> = {}): SecretUse {
  return { kind: 'mount', target, ...rights };
}

const VARIABLE: SecretUse = { kind: 'env', target: 'DB' };

test('a quadlet that takes all that it is given has nothing said of it', async () => {
  const lines = ['User=1000', 'Volume=/srv:/data:ro', 'Secret=other,type=env,target=OTHER', 'Environment=DB=x'];
  assert.deepEqual(await doubts(lines, [VARIABLE, file('key'), file('/etc/key', { mode: '0440', gid: 70 })]), []);
});

for (const [what, lines, rights, shut] of [
  ['a mode for root alone', ['User=1000'], { mode: '0400' }, true],
  ['a mode for root alone, by name', ['User=app'], { mode: '0400' }, true],
  ['a group that it is not in', ['User=1000:1000'], { mode: '0440' }, true],
  ['the group that the quadlet names', ['User=1000', 'Group=70'], { mode: '0440', gid: 70 }, false],
  ['its own file', ['User=1000'], { mode: '0400', uid: 1000 }, false],
  ['its own file that it may not read', ['User=1000'], { mode: '0040', uid: 1000 }, true],
  ['a file of a number that may be the name', ['User=app'], { mode: '0400', uid: 999 }, false],
  ["another user's file", ['User=1000'], { mode: '0400', uid: 999 }, true],
  ['root', ['User=root'], { mode: '0400' }, false],
  ['root by number', ['User=0:0'], { mode: '0400' }, false],
  ['no user', [], { mode: '0400' }, false],
  ['no mode', ['User=1000'], {}, false],
] as const) {
  test(`${shut ? 'tells of' : 'says nothing of'} ${what}`, async () => {
    const said = await doubts(lines, [file('key', rights)]);
    assert.equal(said.length, shut ? 1 : 0, said.join());
    if (shut)
      assert.match(said[0] ?? '', /^\/q\/app\.container:3: User=\w+ may not read the file \/run\/secrets\/key \(mode/);
  });
}

test('tells which of two secrets a variable or a file comes from', async () => {
  const uses = [VARIABLE, file('key'), file('/etc/x')];
  const lines = ['Secret=old-db,type=env,target=DB', 'Secret=key', 'Secret=fine,target=/etc/y'];
  assert.deepEqual(await doubts(lines, uses), [
    "/q/app.container:3: the variable DB comes from podman's secret old-db too: the container gets psi's, and not that one; take one of the two out",
    "/q/app.container:4: the file /run/secrets/key comes from podman's secret key too: the container gets psi's, and not that one; take one of the two out",
  ]);
  const later = { '60-x.conf': '[Container]\nSecret=late,type=mount,target=/etc/x,mode=0400\n' };
  assert.match(
    (await doubts([], uses, later)).join(),
    /60-x\.conf:2: .* late too: the container gets that one, and not psi's/,
  );
});

test('tells of a place where no file can be made, or where something else is', async () => {
  const lines = [
    'Volume=/srv/conf:/etc/app:ro,Z',
    'Volume=/srv/rw:/etc/app/rw',
    'Mount=type=bind,source=/srv,destination=/opt/,ro=true',
    'Tmpfs=/etc/t:ro',
    'Volume=data:/etc/one',
  ];
  const said = async (target: string): Promise<string> => (await doubts(lines, [file(target)])).join();
  for (const [target, at] of [
    ['/etc/app/key', 3],
    ['/opt/key', 5],
    ['/etc/t/key', 6],
  ] as const)
    assert.match(
      await said(target),
      new RegExp(`^/q/app\\.container:${String(at)}: .* is mounted read-only: .*${target} only`),
    );
  assert.match(await said('/etc/one'), /^\/q\/app\.container:7: it is mounted at \/etc\/one, where a secret is to be/);
  assert.match(await said('/proc/key'), /cannot be made in \/proc/);
  for (const fine of ['/etc/app/rw/key', '/etc/apple', 'key', '/etc/one/key']) assert.equal(await said(fine), '');
});
