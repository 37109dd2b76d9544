// A config whose parts share YAML anchors: as many as somebody writes, and none that are meant to exhaust PSI.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { said, stage, type Observed } from './observed/stage.ts';

const PROJECTS = 60;

/** The config of the stage with more projects, each of which takes an anchor over, whole or in part. */
async function withShared(it: Observed, more: string): Promise<string> {
  const text = await readFile(it.psi.configFile, 'utf8');
  const head = `${text.replace(/^ {4}projects:\n/m, `    projects:\n${more}`)}\n`;
  await it.psi.writeConfig({ ...it.options, file: head });
  return head;
}

test('sixty projects that share an anchor are sixty projects', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  await it.registered();
  const shared = Array.from({ length: PROJECTS }, (_, at) =>
    at % 2 === 0
      ? `      more${String(at)}: *shared\n`
      : `      more${String(at)}:\n        <<: *shared\n        id: other-${String(at)}\n`,
  );
  await withShared(
    it,
    `      first: &shared\n        id: observed-project\n        environment: prod\n${shared.join('')}`,
  );
  const setup = await it.setup();
  assert.equal(setup.code, 0, said(setup));
  assert.equal((await it.lookup('A')).ok, true);
});

test('aliases of aliases that would exhaust psi are refused, with what is wrong and where', async (t) => {
  const it = await stage(t, { folders: { '/app': { A: 'value a' } } });
  await it.registered();
  const lines = Array.from(
    { length: 30 },
    (_, at) => `x${String(at + 1)}: &a${String(at + 1)} [*a${String(at)}, *a${String(at)}]`,
  );
  const text = `x0: &a0 lol\n${lines.join('\n')}\n`;
  await it.psi.writeConfig({ ...it.options, file: text });
  const setup = await it.setup();
  assert.notEqual(setup.code, 0);
  assert.match(said(setup), /config\.yaml:1[0-9]:\d+\n.*too many aliases/s);
  assert.match(said(setup), /write an alias of aliases out/);
  assert.doesNotMatch(said(setup), /check quotes/);
});
