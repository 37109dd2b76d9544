import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SecretUse } from '../../../../src/core/workload.ts';
import { quadletDoubts } from '../../../../src/transfer/quadlet/doubts.ts';
import { specifiersOf, type UnitHost } from '../../../../src/transfer/quadlet/specifiers.ts';
import { FakeQuadletFiles } from '../../../fakes/quadlet-files.fake.ts';

const PATH = '/q/app.container';
const manager = { scope: 'system', specifiers: specifiersOf('system', {}, { uid: 0, name: 'root' }) } as const;

/** `dropIns`: by file name. */
function doubts(
  lines: readonly string[],
  uses: readonly SecretUse[],
  dropIns: Readonly<Record<string, string>> = {},
  host: UnitHost = manager,
): Promise<readonly string[]> {
  const files = Object.assign(new FakeQuadletFiles(), { pathOf: (unit: string) => Promise.resolve(`/q/${unit}`) });
  files.texts.set(PATH, ['[Container]', 'Image=x', ...lines, ''].join('\n'));
  for (const [name, text] of Object.entries(dropIns)) files.texts.set(`${PATH}.d/${name}`, text);
  return quadletDoubts({ files, manager: host }).of('app.container', uses);
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
  ['root by a longer number', ['User=00'], { mode: '0400' }, false],
  ['a group beside the one that the quadlet names', ['User=1000:1000'], { mode: '0440', gid: 70 }, true],
  ['a group that the image may know', ['User=1000'], { mode: '0440', gid: 70 }, false],
  ['a group whose number is the image’s', ['User=1000:app'], { mode: '0440', gid: 70 }, false],
  ['its own group, which may do less than others', ['User=1000:70'], { mode: '0404', gid: 70 }, true],
  ['a group that is added', ['User=1000:1000', 'GroupAdd=70'], { mode: '0440', gid: 70 }, false],
  ['a group that is added by name', ['User=1000:1000', 'GroupAdd=keep-groups'], { mode: '0440', gid: 70 }, false],
  ['root’s group, which is added', ['User=1000:1000', 'GroupAdd=root'], { mode: '0440' }, false],
  ['who has the right to read all', ['User=1000', 'AddCapability=NET_ADMIN CAP_DAC_OVERRIDE'], { mode: '0400' }, false],
  ['who has every right', ['User=1000', 'AddCapability=all'], { mode: '0400' }, false],
  ['who has other rights', ['User=1000', 'AddCapability=NET_ADMIN'], { mode: '0400' }, true],
  ['a user that is kept by number', ['UserNS=keep-id:uid=1000,gid=1000'], { mode: '0400' }, true],
  ['a user that is kept, as who starts it', ['UserNS=keep-id'], { mode: '0400' }, false],
  ['a user that is kept, and its own file', ['UserNS=keep-id:uid=1000'], { mode: '0400', uid: 1000 }, false],
  ['a namespace of its own', ['UserNS=auto'], { mode: '0400' }, false],
] as const) {
  test(`${shut ? 'tells of' : 'says nothing of'} ${what}`, async () => {
    const said = await doubts(lines, [file('key', rights)]);
    assert.equal(said.length, shut ? 1 : 0, said.join());
    if (shut)
      assert.match(
        said[0] ?? '',
        /^\/q\/app\.container:3: User(?:NS)?=\S+ may not read the file \/run\/secrets\/key \(mode/,
      );
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

test('a user that is kept is the one of the manager', async () => {
  const rootless = { scope: 'user', specifiers: specifiersOf('user', {}, { uid: 1001, name: 'ops' }) } as const;
  const key = file('key', { mode: '0400' });
  assert.match(
    (await doubts(['UserNS=keep-id'], [key], {}, rootless)).join(),
    /^\/q\/app\.container:3: UserNS=keep-id may not read the file \/run\/secrets\/key \(mode 0400 of 0:0\)/,
  );
  assert.deepEqual(await doubts(['UserNS=keep-id', 'User=0'], [key], {}, rootless), []);
  assert.deepEqual(await doubts(['UserNS=keep-id'], [file('key', { mode: '0400', uid: 1001 })], {}, rootless), []);
});

test('tells of a folder of the host that is mounted read-only, and of what is made in it', async () => {
  const lines = [
    'Volume=/srv/conf:/etc/app:ro,Z',
    'Volume=/srv/rw:/etc/app/rw',
    'Mount=type=bind,source=/srv/b,destination=/opt/,ro=true',
    'Mount=type=bind,src=./c,dst=/opt/c,readonly',
    'Mount=type=image,source=x,destination=/img',
    'Mount=type=image,source=x,destination=/img/rw,rw=true',
    'Mount=type=volume,source=x,destination=/vol,ro=true',
    'Volume=data:/etc/one:ro',
    'Tmpfs=/etc/t:ro',
  ];
  const said = async (target: string): Promise<string> => (await doubts(lines, [file(target)])).join();
  for (const [target, at, source] of [
    ['/etc/app/key', 3, '/srv/conf'],
    ['/opt/key', 5, '/srv/b'],
    ['/opt/c/key', 6, './c'],
  ] as const)
    assert.match(
      await said(target),
      new RegExp(
        `^/q/app\\.container:${String(at)}: .* is mounted read-only: .*${target} an empty one is made in ${source} on`,
      ),
    );
  assert.match(await said('/img/key'), /:7: \/img is mounted read-only: .* \/img\/key only if the image has a file/);
  const fine = ['/etc/app/rw/key', '/etc/apple', 'key', '/img/rw/key', '/vol/key', '/etc/one/key', '/etc/t/key'];
  for (const target of fine) assert.equal(await said(target), '', target);
});

test('tells of a path where something else is, or has to be', async () => {
  const lines = ['Volume=data:/etc/one', 'Volume=data:/etc/two/data', 'Tmpfs=/tmp:ro', 'Mount=type=tmpfs,dst=/x'];
  const said = async (...targets: string[]): Promise<string> =>
    (
      await doubts(
        lines,
        targets.map((target) => file(target)),
      )
    ).join();
  assert.match(
    await said('/etc/one'),
    /^\/q\/app\.container:3: it is mounted at \/etc\/one too: the container gets that, /,
  );
  assert.match(await said('/tmp'), /^\/q\/app\.container:5: it is mounted at \/tmp too/);
  assert.match(await said('/x'), /^\/q\/app\.container:6: it is mounted at \/x too/);
  assert.match(await said('/etc/two'), /:4: \/etc\/two\/data is mounted inside of \/etc\/two, .* does not start/);
  assert.match(
    await said('/k', '/k/x'),
    /^the file \/k\/x is to be inside of \/k, which is a file too: .* does not start/,
  );
  assert.match(await said('/run/secrets', 'x'), /^the file \/run\/secrets\/x is to be inside of \/run\/secrets, /);
  assert.match(await said('/proc/key'), /^the file \/proc\/key cannot be made in \/proc: the container does not start/);
  assert.match(await said('/sys/a/key'), /cannot be made in \/sys/);
  for (const folder of ['/etc', '/run', '/dev', '/proc'])
    assert.match(await said(folder), new RegExp(`^${folder} is a folder, and a secret is a file: .* does not start`));
  for (const file of ['/etc/hosts', '/etc/resolv.conf'])
    assert.match(await said(file), new RegExp(`^podman mounts ${file} itself: the container gets that`));
  for (const fine of ['/etc/apple', 'key', '/etc/two/key', '/k', '/run/secrets', '/dev/key', '/etc/hostname'])
    assert.equal(await said(fine), '', fine);
});
