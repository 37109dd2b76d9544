import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import { PsiError } from '../../../src/core/error.ts';
import { HOST_MOUNT } from '../../../src/host/command/own-container.ts';
import { commandPlaces } from '../../../src/host/command/places.ts';
import { isPsiCompletion, withHostCommand } from '../../../src/host/command/put.ts';
import { hostCommandText, isPsiCommand } from '../../../src/host/command/script.ts';
import { hostFolders, type HostLayout } from '../../../src/host/layout.ts';
import { FakeHostFiles } from '../../fakes/host-files.fake.ts';
import { SERVED } from '../../fakes/provider.fake.ts';

const COMMAND = '/host/usr/local/bin/psi';
const COMPLETIONS = {
  bash: '# bash completion for psi, written by `psi completion bash`.\n',
  zsh: '#compdef psi\n# zsh completion for psi, written by `psi completion zsh`.\n',
  fish: '# fish completion for psi, written by `psi completion fish`.\n',
};
const IN_IMAGE = { PSI_IN_IMAGE: '1' };
const USER = { HOME: '/home/u', XDG_RUNTIME_DIR: '/run/user/1000' };

function layoutOf(env: Readonly<Record<string, string>>, uid = 0): HostLayout {
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
  };
}

async function host(...folders: readonly string[]): Promise<FakeHostFiles> {
  const files = new FakeHostFiles();
  for (const folder of folders) await files.folder(folder, 0o755);
  return files;
}

function put(files: FakeHostFiles, layout = layoutOf(IN_IMAGE), wish = { needed: true, write: true }) {
  const work = (): Promise<{ readonly done: true }> => {
    files.changes.push('work');
    return Promise.resolve({ done: true });
  };
  return withHostCommand({ files, layout, completions: COMPLETIONS }, wish, work);
}

describe('the command of a host', () => {
  it('is put where the mount shows the host, and completes in the shells that have a folder for it', async () => {
    const files = await host('/host/usr/local', '/etc/bash_completion.d', '/host/usr/local/share/zsh/site-functions');
    const { hostCommand, done } = await put(files);
    assert.equal(done, true);
    assert.deepEqual(hostCommand.left, []);
    assert.deepEqual(hostCommand.changes, [
      { path: '/usr/local/bin/psi', change: 'created' },
      { path: '/etc/bash_completion.d/psi', change: 'created' },
      { path: '/usr/local/share/zsh/site-functions/_psi', change: 'created' },
    ]);
    assert.equal(files.modes.get(COMMAND), 0o755);
    assert.ok(isPsiCommand(files.texts.get(COMMAND) ?? ''));
    assert.equal(files.texts.get('/host/usr/local/share/zsh/site-functions/_psi'), COMPLETIONS.zsh);
    const again = await put(files);
    assert.ok(again.hostCommand.changes.every(({ change }) => change === 'unchanged'));
    files.texts.set(COMMAND, `${files.texts.get(COMMAND) ?? ''}# of an earlier version\n`);
    assert.equal((await put(files)).hostCommand.changes[0]?.change, 'written');
  });

  it('keeps an install from its work where the mount is missing, and is left by one that has other work', async () => {
    const files = await host();
    await assert.rejects(put(files), (error: unknown) => {
      assert.ok(error instanceof PsiError);
      assert.equal(error.message, 'this container does not see /usr/local of the host, where the command `psi` goes');
      assert.ok(error.hint?.includes(HOST_MOUNT));
      return true;
    });
    assert.deepEqual(files.changes, []);
    const { hostCommand } = await put(files, layoutOf(IN_IMAGE), { needed: false, write: true });
    assert.deepEqual(files.changes, ['work']);
    assert.match(hostCommand.left[0]?.hint ?? '', /-v \/usr\/local:\/host\/usr\/local/);
  });

  it('is never written over the file of somebody else, which is named beside a function that does without', async () => {
    const files = await host('/host/usr/local');
    files.texts.set(COMMAND, '#!/bin/sh\n# mine\n');
    const { hostCommand } = await put(files);
    assert.equal(files.texts.get(COMMAND), '#!/bin/sh\n# mine\n');
    assert.deepEqual(hostCommand.changes, []);
    const [left] = hostCommand.left;
    assert.equal(left?.subject, '/usr/local/bin/psi');
    assert.equal(left.reason, '/usr/local/bin/psi was not written by psi');
    assert.match(left.hint, /`mv \/usr\/local\/bin\/psi [^`]+`; or in the profile of your shell .*: psi\(\) \{ /);
  });

  it('gives the function where its folder cannot be written, and misses no completion', async () => {
    const files = await host('/host/usr/local', '/etc/bash_completion.d');
    files.write = (path) => Promise.reject(new PsiError('HOST', `cannot write ${path}: EROFS`));
    const { hostCommand } = await put(files);
    assert.equal(hostCommand.left.length, 1);
    assert.equal(hostCommand.left[0]?.reason, 'cannot write /usr/local/bin/psi: EROFS');
    assert.match(hostCommand.left[0].hint, /^in the profile of your shell .*psi\(\) \{ if \[ -t 0 \]/);
  });

  it('is shown and not written with --stdout, and asks for no mount then', async () => {
    const files = await host();
    const { hostCommand } = await put(files, layoutOf(IN_IMAGE), { needed: true, write: false });
    assert.deepEqual(files.changes, ['work']);
    assert.deepEqual(
      hostCommand.planned.map(({ path }) => path),
      ['/usr/local/bin/psi'],
    );
  });

  it('is not put by a psi of root that runs on the host itself', async () => {
    const files = await host();
    const { hostCommand } = await put(files, layoutOf({}));
    assert.deepEqual([files.changes, hostCommand], [['work'], { changes: [], planned: [], left: [] }]);
  });

  it('of a user lies below his home, in the image too, and knows his places', async () => {
    const files = await host('/home/u/.config/fish/completions');
    const layout = layoutOf({ ...USER, ...IN_IMAGE }, 1000);
    const { hostCommand } = await put(files, layout);
    assert.deepEqual(
      hostCommand.changes.map(({ path }) => path),
      ['/home/u/.local/bin/psi', '/home/u/.config/fish/completions/psi.fish'],
    );
    const text = hostCommandText(layout, commandPlaces(layout));
    for (const line of ['units=/home/u/.config/systemd/user', 'user=--user', 'runtime=/run/user/1000']) {
      assert.ok(text.includes(`\n${line}\n`), line);
    }
  });
});

describe('a completion of psi', () => {
  it('is known by its own words', () => {
    assert.ok(Object.values(COMPLETIONS).every(isPsiCompletion));
    assert.ok(!isPsiCompletion('complete -W "mine" psi\n'));
  });
});
