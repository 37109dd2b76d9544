// Thirty-one faults of a host: the line that whoever fails sees names the cause and what to do next, word for word in the golden file.
// After a deliberate change of wording: UPDATE_GOLDEN=1 npm test -- test/host/failure-drill.test.ts, and read the difference.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { BASE, FAULTS, startTpm, type Fault } from './drill-faults.ts';
import { psiHostSupport, sleeper, startPsiHost, type PsiHost } from './psi-host.ts';

const support = await psiHostSupport();
const options = { skip: support.ok ? false : support.reason };

const GOLDEN = new URL('../golden/failure-drill.txt', import.meta.url);
const UPDATES = process.env['UPDATE_GOLDEN'] === '1';

const golden: ReadonlyMap<string, string> = sections(readOr(''));
const shown = new Map<string, string>();

let stage: PsiHost;
before(async () => {
  if (!support.ok) return;
  stage = await startPsiHost({
    ...BASE,
    quadlets: { 'myapp.container': sleeper() },
    prepare: async (host) => {
      await host.write('/etc/psi/socket-token', 'canary-socket-token', 0o600);
      await host.ok('mkdir -p /run/psi');
      await startTpm(host);
    },
  });
  await stage.setup();
});
after(async () => {
  if (support.ok) await stage.stop();
  if (!UPDATES) return;
  const parts = FAULTS.map(({ name }) => `== ${name}\n${shown.get(name) ?? golden.get(name) ?? ''}`);
  writeFileSync(GOLDEN, parts.join('\n'));
});

test('there are thirty-one, each of another name', () => {
  assert.equal(FAULTS.length, 31);
  assert.equal(new Set(FAULTS.map(({ name }) => name)).size, FAULTS.length);
  if (!UPDATES)
    assert.deepEqual(
      [...golden.keys()],
      FAULTS.map(({ name }) => name),
    );
});

for (const fault of FAULTS) {
  test(`${fault.name}: cause and next step are told`, options, async () => {
    try {
      await fault.breakIt(stage);
      const lines = fault.told === 'journal' ? await failedStart() : await failedCommand(fault.told);
      const text = lines.map((line) => `${normalised(line)}\n`).join('');
      shown.set(fault.name, text);
      assert.doesNotMatch(text, /canary|value-[ab]/, 'a secret is shown');
      assert.match(text, fault.cause, 'the cause');
      assert.match(text, fault.next, 'the next step');
      if (!UPDATES) assert.equal(text, golden.get(fault.name) ?? '');
    } finally {
      await mended(fault);
    }
  });
}

/** And the workload starts again. */
async function mended(fault: Fault): Promise<void> {
  await stage.double('DELETE', '/knobs');
  await fault.mend?.(stage);
  await stage.host.ok('systemctl restart psi.service');
  await stage.host.ok('systemctl restart myapp.service');
  // What that start has listed must not answer the next one.
  await stage.host.ok('systemctl restart psi.service');
}

/** What PSI's command says in the journal of a unit that does not start. */
async function failedStart(): Promise<readonly string[]> {
  const { host } = stage;
  await host.run('systemctl stop myapp.service');
  await host.ok('journalctl --sync');
  const cursor = /-- cursor: (\S+)/.exec(await host.ok('journalctl -n 1 --show-cursor'))?.[1] ?? '';
  const started = await host.run('systemctl start myapp.service');
  assert.notEqual(started.code, 0, 'the workload started without its secrets');
  await host.ok('journalctl --sync');
  const journal = await host.ok(['journalctl', '-o', 'cat', '-u', 'myapp.service', `--after-cursor=${cursor}`]);
  const lines = journal.split('\n').filter((line) => /^(?:psi:|curl:|\/bin\/sh:|sh:)/.test(line));
  return lines.slice(0, 2);
}

async function failedCommand(words: readonly string[]): Promise<readonly string[]> {
  const { code, stderr } = await stage.host.run(['timeout', '30', 'podman', 'exec', 'psi', 'psi', ...words]);
  assert.notEqual(code, 0);
  return [...stderr.trimEnd().split('\n').slice(0, 4), `→ ${String(code)}`];
}

/** What differs from run to run. */
function normalised(line: string): string {
  return line
    .replace(/\b[0-9a-f]{25}\b/g, 'ID')
    .replace(/\[req-[^\]]+\]/g, '[req-ID]')
    .replace(/\b\d+ (?:ms|s)\b/g, 'N s')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/myapp--[AB]\b/, 'myapp--KEY')
    .replace(/ [AB] in main:/, ' KEY in main:');
}

function readOr(instead: string): string {
  try {
    return readFileSync(GOLDEN, 'utf8');
  } catch {
    return instead;
  }
}

function sections(text: string): ReadonlyMap<string, string> {
  const parts = text.split(/^== /m).slice(1);
  return new Map(
    parts.map((part, index) => {
      const end = part.indexOf('\n');
      const rest = part.slice(end + 1);
      return [part.slice(0, end), index === parts.length - 1 ? rest : rest.slice(0, -1)];
    }),
  );
}
