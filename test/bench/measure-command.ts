// One lookup as Podman makes it, `sh -c COMMAND`, from the start of the shell to the whole value: by the lookup helper, by curl, and by a
// trivial client, at the bare node:http server that is the yardstick of the other lookups too, and at a server that is no more than the client.
// And what a health check by the helper costs the processor.
import { join } from 'node:path';
import { builtHelper } from '../hosts/lookup-helper.ts';
import { ask } from '../hosts/psi-process.ts';
import { must, run } from '../hosts/run.ts';
import type { Support } from '../hosts/sandbox.ts';
import { startBare } from './child.ts';
import { driverCommandOf, placeHelper } from './helper.ts';
import { median, ms, timed, type Figure, type Stage } from './measurement.ts';
import { startTrivialPair } from './trivial-pair.ts';
import { folder, registerAll, startDouble, startPsiFor } from './world.ts';

const VALUE = 'a value of an ordinary length: 48 bytes, no more';
const FOLDERS = { '/app': folder(1, () => VALUE) };
const ROUNDS = 9;
/** So many in a row, by one shell that does nothing else: starting a process from Node takes longer than a lookup. */
const ROW = 50;
const CHECKS = 200;

export async function helperSupport(): Promise<Support> {
  const helper = await builtHelper();
  return helper.ok ? { ok: true } : helper;
}

export async function measureCommand(stage: Stage, command: readonly string[]): Promise<readonly Figure[]> {
  const dir = await stage.folder();
  const double = await startDouble(stage, FOLDERS);
  const psi = await startPsiFor(stage, { double, command, cached: true });
  const [[{ id } = { id: '' }] = []] = await registerAll(psi, FOLDERS);
  await ask(psi.socket, 'GET', `/lookup/${id}`);
  const helper = await placeHelper(join(dir, 'helper'));
  const trivial = await startTrivialPair(stage, dir, VALUE);
  const bare = join(dir, 'bare.sock');
  await startBare(stage, bare, VALUE);
  const commands = {
    trivial: trivial.command,
    bare: trivial.commandAt(bare),
    helper: driverCommandOf(psi.socket, helper.program),
    curl: driverCommandOf(psi.socket, join(dir, 'nothing')),
  };
  for (const text of Object.values(commands)) await answers(text, id);

  const each = await inTurns(commands, id);
  const check = await processorMsOfChecks(helper.program, psi.socket);
  stage.show({
    title: 'One lookup, `sh -c COMMAND`, a cached value:',
    rows: [
      ['by', 'takes', 'beside the bare server'],
      ...[
        ['a trivial static client and server', each.trivial] as const,
        ['a trivial static client, a bare node:http server', each.bare] as const,
        ['PSI, the lookup helper', each.helper] as const,
        ['PSI, curl', each.curl] as const,
      ].map(([who, value]) => [who, ms(value), `${(value / each.bare).toFixed(2)} x`]),
    ],
  });
  return [
    {
      id: 'command-helper',
      what: 'one lookup as Podman makes it (`sh -c COMMAND`), helper, cached: beside a trivial static client at a bare node:http server',
      value: each.helper / each.bare,
      unit: 'x',
      beside: `${ms(each.helper)} beside ${ms(each.bare)}; by curl ${ms(each.curl)}`,
    },
    {
      id: 'health-check',
      what: 'a health check by the helper: processor time',
      value: check,
      unit: 'ms',
      beside: `${String(CHECKS)} of them, the shell that starts them included`,
    },
  ];
}

type Kind = 'trivial' | 'bare' | 'helper' | 'curl';

async function inTurns(commands: Readonly<Record<Kind, string>>, id: string): Promise<Readonly<Record<Kind, number>>> {
  const times: Readonly<Record<Kind, number[]>> = { trivial: [], bare: [], helper: [], curl: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [kind, command] of Object.entries(commands) as [Kind, string][]) {
      times[kind].push(await inARow(command, id));
    }
  }
  const { trivial, bare, helper, curl } = times;
  return { trivial: median(trivial), bare: median(bare), helper: median(helper), curl: median(curl) };
}

async function answers(command: string, id: string): Promise<void> {
  const { code, stdout, stderr } = await run(['sh', '-c', command], { env: envOf(id) });
  if (code !== 0 || stdout !== VALUE) throw new Error(`no value by ${command}: ${String(code)} ${stderr}`);
}

const LOOP = 'i=0; while [ $i -lt "$2" ]; do sh -c "$1" >/dev/null || exit 1; i=$((i + 1)); done';

/** Milliseconds of one. */
async function inARow(command: string, id: string): Promise<number> {
  return (await timed(() => must(['sh', '-c', LOOP, 'sh', command, String(ROW)], { env: envOf(id) }))) / ROW;
}

const envOf = (id: string): Readonly<Record<string, string | undefined>> => ({
  PATH: process.env['PATH'],
  SECRET_ID: id,
});

const CHECK_LOOP =
  'i=0; while [ $i -lt "$3" ]; do "$1" health --socket "$2" >/dev/null || exit 1; i=$((i + 1)); done; times';

async function processorMsOfChecks(program: string, socket: string): Promise<number> {
  const { stdout } = await must(['sh', '-c', CHECK_LOOP, 'sh', program, socket, String(CHECKS)]);
  // `times`: user and system time of the shell, and in the second line those of its children.
  const [user, system] = (stdout.trim().split('\n').at(-1) ?? '').split(' ').map(millisecondsOf);
  return ((user ?? Number.NaN) + (system ?? Number.NaN)) / CHECKS;
}

/** As in `0m1.25s`. */
function millisecondsOf(text: string): number {
  const [, minutes, seconds] = /^(\d+)m([\d.]+)s$/.exec(text) ?? [];
  return (Number(minutes) * 60 + Number(seconds)) * 1_000;
}
