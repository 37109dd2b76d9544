import assert from 'node:assert/strict';
import { test } from 'node:test';

import { placesOf } from '../../../src/config/places.ts';
import { baseDirectories, inFolder } from '../../../src/core/base-directories.ts';
import { hostFolders } from '../../../src/host/layout.ts';

test('what is set and absolute counts, anything else is ignored', () => {
  assert.deepEqual(baseDirectories({ HOME: '/home/ann', XDG_CONFIG_HOME: '/cfg', XDG_RUNTIME_DIR: 'relative' }, 1000), {
    home: '/home/ann',
    config: '/cfg',
    data: '/home/ann/.local/share',
    state: '/home/ann/.local/state',
    cache: '/home/ann/.cache',
    runtime: '/run/user/1000',
  });
  assert.equal(baseDirectories({ HOME: 'relative' }, 1000).config, '/.config');
});

test('a slash at the end of a folder is not doubled', () => {
  assert.deepEqual([inFolder('/a/', 'b'), inFolder('/', 'b'), inFolder('/a', 'b')], ['/a/b', '/b', '/a/b']);
});

test('the config and the units of a user lie below the same folders', () => {
  const env = { HOME: 'relative', XDG_CONFIG_HOME: '/cfg/', XDG_RUNTIME_DIR: 'relative' };
  assert.equal(placesOf(env, 1000).systemdDir, '/cfg/containers/systemd');
  assert.equal(placesOf(env, 1000).socket, '/run/user/1000/psi/psi.sock');
  const { unitDir, runtimeDir, home } = hostFolders('user', env, 1000);
  assert.deepEqual([unitDir, runtimeDir, home], ['/cfg/systemd/user', '/run/user/1000', '/']);
});
