// The lines that a person gets where a real server answers otherwise than one would think, held by a golden file. After a deliberate
// change of wording: UPDATE_GOLDEN=1 npm test -- test/process/observed/answers.test.ts, and read the difference.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, describe, test, type TestContext } from 'node:test';
import type { Generation } from '../../doubles/infisical/model.ts';
import { CASES, type Case, type Does } from './answers-cases.ts';
import { stage, type Observed } from './stage.ts';

const GOLDEN = new URL('../../golden/infisical-answers.txt', import.meta.url);
const UPDATES = process.env['UPDATE_GOLDEN'] === '1';

const ABOUT = `What PSI says to the answers that were observed on real servers of Infisical: row of the observations or id of the fault, what is
wrong, the server; then each command with its exit status, what it prints (|) and what it says on standard error (!).
A lookup is the start of a container: its line stands in the journal of the unit.
`;

// Most of a case is waiting for processes.
const AT_ONCE = 2;

const titleOf = ({ rows, what }: Case, generation: Generation): string => `== ${rows}: ${what} (server ${generation})`;

/** By title, as the golden file has them. */
const golden: ReadonlyMap<string, string> = UPDATES ? new Map() : sections(readFileSync(GOLDEN, 'utf8'));
const shown = new Map<string, string>();

const TITLES = CASES.flatMap((each) => each.on.map((generation) => titleOf(each, generation)));

describe('what a person gets', { concurrency: AT_ONCE }, () => {
  for (const each of CASES) {
    for (const generation of each.on) {
      const title = titleOf(each, generation);
      test(title.slice('== '.length), async (t) => {
        const text = await transcript(t, each, generation);
        shown.set(title, text);
        assert.doesNotMatch(text, /canary/, 'a secret is shown');
        if (!UPDATES) assert.equal(text, golden.get(title) ?? '');
      });
    }
  }
});

test('the golden file has these cases and no other', () => {
  assert.equal(new Set(TITLES).size, TITLES.length);
  if (!UPDATES) assert.deepEqual([...golden.keys()], TITLES);
});

test('each row that a person can meet has a case', () => {
  const told = CASES.map(({ rows }) => rows).join(' ');
  const wanted = ['2', '13', '14', '15', '16', '20', '32', '33', '34'].map((row) => `row ${row}`);
  const faults = [1, 2, 3, 4, 5, 6, 7, 8, 10].map((fault) => `I${String(fault)}`);
  const missing = [...wanted, ...faults].filter((name) => !new RegExp(`\\b${name}\\b`).test(told));
  assert.deepEqual(missing, []);
});

after(() => {
  if (!UPDATES) return;
  const parts = TITLES.map((title) => `${title}\n${shown.get(title) ?? ''}`);
  writeFileSync(GOLDEN, [ABOUT, ...parts].join('\n'));
});

function sections(text: string): ReadonlyMap<string, string> {
  const [, ...parts] = text.split(/^(?===\s)/m);
  return new Map(
    parts.map((part, index) => {
      const end = part.indexOf('\n');
      // Between two sections is an empty line.
      return [part.slice(0, end), index === parts.length - 1 ? part.slice(end + 1) : part.slice(end + 1, -1)];
    }),
  );
}

async function transcript(t: TestContext, each: Case, generation: Generation): Promise<string> {
  const it = await stage(t, { ...each.stage, generation });
  if (each.then) {
    const before = await it.setup();
    assert.equal(before.code, 0, before.stderr);
    await each.then(it);
  }
  await each.first?.(it);
  const lines: string[] = [];
  for (const step of each.does) lines.push(...(await (Array.isArray(step) ? command(it, step) : lookup(it, step))));
  return lines.map((line) => `${normalised(line, it)}\n`).join('');
}

async function command(it: Observed, words: readonly string[]): Promise<readonly string[]> {
  const argv = words.map((word) => word.replace(/^DIR\//, `${it.options.dir}/`));
  const { code, stdout, stderr } = await it.psi.cli(...argv);
  const marked = (mark: string, text: string): readonly string[] =>
    text === ''
      ? []
      : text
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => `   ${mark} ${line}`);
  return [`$ psi ${argv.map(quoted).join(' ')}  → ${String(code)}`, ...marked('|', stdout), ...marked('!', stderr)];
}

async function lookup(it: Observed, step: Does): Promise<readonly string[]> {
  const key = 'lookup' in step ? step.lookup : '';
  const known = (await it.podman.list()).some(({ name }) => name === `app--${key}`);
  if (!known) return [`$ lookup of app--${key}: Podman has none`];
  const looked = await it.lookup(key);
  if (looked.ok) return [`$ lookup of app--${key}  → a value (${looked.source})`];
  return [`$ lookup of app--${key}  → ${looked.code}`, `   ! psi: ${looked.hint}`];
}

function quoted(word: string): string {
  return /^[\w/.=:-]+$/.test(word) ? word : `'${word}'`;
}

/** What is another one at each run. */
function normalised(line: string, { options, infisical, front }: Observed): string {
  return line
    .replaceAll(options.dir, 'DIR')
    .replaceAll(front.url, 'http://infisical.test')
    .replaceAll(infisical.url, 'http://infisical.test')
    .replaceAll(/127\.0\.0\.1:\d+/g, 'infisical.test')
    .replaceAll(/\breq-(?!injected)[\w-]+/g, 'req-ID')
    .replaceAll(/\b20\d\d-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b\d+(?:\.\d+)? ms\b/g, (text) => (text === '500 ms' ? text : 'N ms'))
    .replaceAll(/\b(?:5\d|60) s\b/g, '60 s');
}
