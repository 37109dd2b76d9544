import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import { PsiError } from '../../../src/core/error.ts';
import { helperOnHost } from '../../../src/host/helper/find.ts';
import type { HelperFound } from '../../../src/host/helper/helper-files.ts';
import { judgeHelper } from '../../../src/host/helper/judge.ts';
import { placeHelper } from '../../../src/host/helper/place.ts';
import { hostFolders, type HostLayout } from '../../../src/host/layout.ts';
import { FakeHelperFiles, helperBytes } from '../../fakes/helper-files.fake.ts';
import { FakeHostFiles } from '../../fakes/host-files.fake.ts';
import { FakeHostTree } from '../../fakes/host-tree.fake.ts';
import { SERVED } from '../../fakes/provider.fake.ts';

const OWN = helperBytes();
const PATH = '/usr/local/libexec/psi/psi-lookup';
const IN_IMAGE = { PSI_IN_IMAGE: '1' };
const USER = { HOME: '/home/u', XDG_RUNTIME_DIR: '/run/user/1000' };

const file = (bytes: Uint8Array, more: Partial<HelperFound & { readonly kind: 'file' }> = {}): HelperFound => ({
  ...{ kind: 'file', bytes, mode: 0o100755, isOwn: true, mayRun: true },
  ...more,
});

describe('a file at the path of the lookup helper', () => {
  for (const [what, found, state] of [
    ['the one that psi brings', file(OWN), { is: 'good' }],
    ['nothing', { kind: 'nothing', folder: 'empty' }, { is: 'missing', folder: 'empty' }],
    ['a link', { kind: 'no file' }, { is: 'foreign', why: 'is no plain file' }],
    ['a script', file(new TextEncoder().encode('#!/bin/sh\n')), { is: 'foreign', why: 'is no program of psi' }],
    ['an empty one', file(new Uint8Array()), { is: 'bad', why: 'is empty' }],
    ['two bytes', file(OWN.subarray(0, 2)), { is: 'bad', why: 'is cut: 2 of 200 bytes' }],
    ['all but the last byte', file(OWN.subarray(0, 199)), { is: 'bad', why: 'is cut: 199 of 200 bytes' }],
    ['zeros', file(new Uint8Array(200)), { is: 'bad', why: 'holds nothing but zeros' }],
    ['of arm64', file(helperBytes('1.2.3', 183)), { is: 'bad', why: 'is for another architecture: arm64' }],
    ['of another version', file(helperBytes('1.2.2')), { is: 'bad', why: 'is of 1.2.2, and this psi brings 1.2.3' }],
    ['of the same version', file(helperBytes('1.2.3', 62, 201)), { is: 'bad', why: 'is not the one of this psi' }],
    ['not executable', file(OWN, { mode: 0o100644 }), { is: 'bad', why: 'is not executable (mode 0644)' }],
    ['open', file(OWN, { mode: 0o100777 }), { is: 'bad', why: 'can be changed by others (mode 0777)' }],
    ['setuid', file(OWN, { mode: 0o104755 }), { is: 'bad', why: 'runs with the rights of its owner (mode 4755)' }],
    ['of another owner', file(OWN, { isOwn: false }), { is: 'bad', why: 'belongs to another user' }],
    ['for root alone', file(OWN, { mode: 0o100700 }), { is: 'good' }],
    [
      'where nothing runs',
      file(OWN, { mayRun: false }),
      { is: 'barred', why: 'is where nothing may be executed (`noexec`)' },
    ],
  ] as const) {
    it(`${what}: ${state.is}`, () => {
      assert.deepEqual(judgeHelper(found, OWN), state);
    });
  }
});

function layoutOf(env: Readonly<Record<string, string>> = IN_IMAGE, uid = 0, helperDir?: string): HostLayout {
  const scope = uid === 0 ? 'system' : 'user';
  return {
    ...{ scope, ...placesOf(env, uid), ...hostFolders(scope, env, uid), ...SERVED },
    ...{
      caFiles: [],
      secretFiles: [],
      credentials: [],
      cache: undefined,
      tls: undefined,
      hsmToken: false,
      textfileDir: undefined,
    },
    refresh: { intervalMs: 3_600_000, randomizedDelayMs: 300_000 },
    ...(helperDir !== undefined && { helperDir }),
  };
}

function host(layout = layoutOf()) {
  const [files, tree, helper] = [new FakeHostFiles(), new FakeHostTree(), new FakeHelperFiles()];
  const place = (wanted = true, write = true) => placeHelper({ files, tree, helper, layout }, { wanted, write });
  return { files, tree, helper, place };
}

describe('placing the lookup helper', () => {
  it('writes it where the mount shows the host, and again only where it differs', async () => {
    const { helper, files, place } = host();
    const first = await place();
    assert.deepEqual([...files.texts.keys()], ['/host/usr/local/libexec/psi/.made-above']);
    assert.deepEqual([first.changes, first.left, first.notes], [[{ path: PATH, change: 'created' }], [], []]);
    assert.deepEqual(helper.written, [`/host${PATH}`]);
    assert.deepEqual((await place()).changes, [{ path: PATH, change: 'unchanged' }]);
    helper.has(helperBytes('1.0.0'));
    assert.deepEqual((await place()).changes, [{ path: PATH, change: 'written' }]);
    assert.equal(helper.written.length, 2);
  });

  it('of a user goes below the home', async () => {
    const { files, helper, place } = host(layoutOf({ ...USER, ...IN_IMAGE }, 1000));
    await files.folder('/home/u/.local/libexec', 0o755);
    await place();
    assert.equal(files.texts.size, 0);
    assert.deepEqual(helper.written, ['/home/u/.local/libexec/psi/psi-lookup']);
  });

  it('leaves the file of somebody else, with and without --no-helper, and names it', async () => {
    const { helper, tree, place } = host();
    helper.has(new TextEncoder().encode('#!/bin/sh\n'));
    for (const wanted of [true, false]) {
      const { changes, left } = await place(wanted);
      assert.deepEqual([changes, left[0]?.subject], [[], PATH]);
      assert.match(left[0]?.hint ?? '', /mv \/usr\/local\/libexec\/psi\/psi-lookup /);
    }
    assert.deepEqual([helper.written, tree.files.size], [[], 0]);
  });

  it('says where nothing may be executed, and where to put it', async () => {
    const { helper, place } = host();
    helper.runs = false;
    const { changes, left } = await place();
    assert.deepEqual(changes, [{ path: PATH, change: 'created' }]);
    assert.match(left[0]?.reason ?? '', /noexec/);
    assert.match(
      left[0]?.hint ?? '',
      /`lookup\.helper_dir` .+`psi install` and `psi setup`; until then lookups go by curl/,
    );
    assert.equal((await place()).left.length, 1);
    assert.equal(helper.written.length, 1);
  });

  it('says what the disk refuses, in the words of the host', async () => {
    const { helper, place } = host();
    helper.failure = new PsiError('HOST', `cannot write /host${PATH}: EROFS`, { hint: 'mount it writable' });
    const { changes, left } = await place();
    assert.deepEqual([changes, left[0]?.reason], [[], `cannot write ${PATH}: EROFS`]);
    assert.match(left[0]?.hint ?? '', /^mount it writable; until then lookups go by curl/);
  });

  it('asks for a mount of a folder that its container does not see', async () => {
    const { files, helper, place } = host(layoutOf(IN_IMAGE, 0, '/opt/our tools'));
    assert.match(
      (await place()).left[0]?.hint ?? '',
      /`mkdir -p '\/opt\/our tools'`.+`-v '\/opt\/our tools:\/opt\/our tools'`/,
    );
    assert.deepEqual(helper.written, []);
    await files.folder('/opt/our tools', 0o755);
    assert.deepEqual((await place()).left, []);
    assert.deepEqual(helper.written, ['/opt/our tools/psi-lookup']);
  });

  it('takes it away with --no-helper, its folder too, and does nothing where there is none', async () => {
    const { helper, tree, place } = host();
    assert.deepEqual((await place(false)).changes, []);
    tree.files.set(`/host${PATH}`, '\u007fELF');
    tree.files.set('/host/usr/local/libexec/psi/.made-above', '');
    helper.has(helperBytes('0.9.0'));
    assert.deepEqual((await place(false)).changes, [{ path: PATH, change: 'removed' }]);
    assert.deepEqual([tree.files.size, tree.empty.size], [0, 0]);
  });

  it('shows it with --stdout, and says where psi was built without', async () => {
    const { helper, place } = host();
    assert.deepEqual((await place(true, false)).planned, { path: PATH, mode: 0o755, bytes: 200 });
    assert.equal((await place(false, false)).planned, undefined);
    helper.brought = undefined;
    assert.match((await place()).notes[0] ?? '', /built without the lookup helper.+npm run helper/);
    assert.deepEqual((await place(false)).notes, []);
    assert.deepEqual(helper.written, []);
  });
});

describe('the lookup helper in an uninstall', () => {
  const found = async (text: string | undefined, more: readonly string[] = [], layout = layoutOf()) => {
    const tree = new FakeHostTree();
    const folder = layout.scope === 'user' ? '/home/u/.local/libexec/psi' : '/host/usr/local/libexec/psi';
    if (text !== undefined) tree.files.set(`${folder}/psi-lookup`, text);
    for (const name of more) tree.files.set(`${folder}/${name}`, '');
    return helperOnHost(tree, layout);
  };

  it('goes, empty or cut or whole, with what killed writes left', async () => {
    const leftover = '.psi-lookup.0123456789ab.tmp';
    for (const text of ['', '\u007fE', '\u007fELF and more']) {
      const { own, folders, foreign } = await found(text, [leftover, 'mine']);
      assert.deepEqual(own, [`/host/usr/local/libexec/psi/${leftover}`, `/host${PATH}`]);
      assert.deepEqual([folders, foreign], [['/host/usr/local/libexec/psi'], []]);
    }
  });

  it('stays where it is a script of somebody', async () => {
    const { unseen, ...rest } = await found('#!/bin/sh\n');
    assert.deepEqual(unseen, []);
    assert.deepEqual(rest, {
      own: [],
      folders: ['/host/usr/local/libexec/psi'],
      foreign: [PATH],
    });
  });

  it('is named where the container does not see its folder', async () => {
    assert.deepEqual((await found(undefined)).unseen, [PATH]);
    assert.deepEqual((await found(undefined, [], layoutOf(IN_IMAGE, 0, '/opt/tools'))).unseen, [
      '/opt/tools/psi-lookup',
    ]);
    assert.deepEqual((await found(undefined, [], layoutOf(IN_IMAGE, 0, '/var/lib/tools'))).unseen, []);
    assert.deepEqual((await found(undefined, [], layoutOf({}, 0, '/opt/tools'))).unseen, []);
  });

  it('takes the folder above with it where that was made for it', async () => {
    const { own, folders } = await found(undefined, ['.made-above'], layoutOf(USER, 1000));
    assert.deepEqual(own, ['/home/u/.local/libexec/psi/.made-above']);
    assert.deepEqual(folders, ['/home/u/.local/libexec/psi', '/home/u/.local/libexec']);
    assert.deepEqual((await found(undefined, [], layoutOf(USER, 1000))).folders, ['/home/u/.local/libexec/psi']);
  });
});
