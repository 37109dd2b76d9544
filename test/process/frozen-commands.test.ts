// The driver commands that Podman holds on hosts of earlier versions, as they are in test/frozen, asked of this PSI: nobody replaces them
// before it has answered them, and a host may go by them for as long as it likes.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ID } from '../frozen/content.ts';
import { NO_HELPER, runDriverCommand } from '../hosts/driver-command.ts';
import { builtHelper } from '../hosts/lookup-helper.ts';
import { stage } from './observed/stage.ts';

const FROZEN = join(import.meta.dirname, '../frozen');
const VALUE = ' two lines \\n "quoted" $HOME\nwith a line end\n\n';
const MAPPING = JSON.stringify({ provider: 'infisical', project: 'main', path: '/app', key: 'A' });
const built = await builtHelper();

const folders = await readdir(FROZEN, { withFileTypes: true });
for (const { name: version } of folders.filter((one) => one.isDirectory())) {
  const text = await readFile(join(FROZEN, version, 'host/driver-commands.json'), 'utf8');
  const { plain } = JSON.parse(text) as {
    readonly plain: Readonly<Record<'lookup' | 'store' | 'delete' | 'list', string>>;
  };

  for (const by of ['curl', 'the lookup helper of now'] as const) {
    const skip = by === 'curl' || built.ok ? false : built.reason;
    test(`those of version ${version}, by ${by}`, { skip }, async (t) => {
      const it = await stage(t, { folders: { '/app': { A: VALUE } } });
      const helper = by === 'curl' || !built.ok ? NO_HELPER : (built.argv[0] ?? '');
      const ask = (verb: keyof typeof plain, stdin = '') => {
        const here = plain[verb].replaceAll('/run/psi/', `${dirname(it.psi.socket)}/`);
        return runDriverCommand(here.replaceAll('/usr/local/libexec/psi/psi-lookup', helper), { id: ID, stdin });
      };
      const stored = await ask('store', MAPPING);
      assert.deepEqual([stored.code, stored.stdout.length, stored.stderr], [0, 0, '']);
      const found = await ask('lookup');
      assert.deepEqual([found.code, found.stdout.toString(), found.stderr], [0, VALUE, '']);
      assert.deepEqual((await ask('list')).stdout.toString().split('\n'), [ID, '']);
      const gone = await ask('delete');
      assert.deepEqual([gone.code, gone.stdout.length, gone.stderr], [0, 0, '']);
      const refused = await ask('lookup');
      assert.deepEqual([refused.code, refused.stdout.length], [by === 'curl' ? 22 : 91, 0]);
      assert.match(refused.stderr, /^psi: .*\(lookup failed, status 22; more: journalctl -u psi\.service\)\n$/);
    });
  }
}
