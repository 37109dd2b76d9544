// A manager on a private bus that runs transient units as systemd does, as far as PSI asks it to: a oneshot command, where its output goes,
// how it ended. It knows nothing of time limits, cgroups and users.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { createClient, defineInterface, toPlain } from 'dbus-native';

const MANAGER = '/org/freedesktop/systemd1';
const SERVICE = 'org.freedesktop.systemd1.Service';
const CLD_EXITED = 1;
const CLD_KILLED = 2;

type Ended = { readonly result: string; readonly code: number; readonly status: number };

export async function joinAsCommandRunner(socket: string): Promise<{ readonly leave: () => Promise<void> }> {
  const bus = createClient({ socket });
  let jobs = 0;

  const finish = async (unit: string, job: string, properties: ReadonlyMap<string, unknown>): Promise<void> => {
    const ended = await runOnce(properties);
    if (ended.result !== 'success') await exportUnit(unit, ended);
    const outcome = ended.result === 'success' ? 'done' : 'failed';
    bus.sendSignal(MANAGER, 'org.freedesktop.systemd1.Manager', 'JobRemoved', 'uoss', [jobs, job, unit, outcome]);
  };

  const exportUnit = async (unit: string, { result, code, status }: Ended): Promise<void> => {
    const properties = {
      Result: { type: 's', access: 'read', value: result },
      ExecMainCode: { type: 'i', access: 'read', value: code },
      ExecMainStatus: { type: 'i', access: 'read', value: status },
    } as const;
    await bus.export(pathOf(unit), defineInterface({ name: SERVICE, properties }));
  };

  const manager = defineInterface({
    name: 'org.freedesktop.systemd1.Manager',
    methods: {
      Subscribe: { handler: () => undefined },
      StartTransientUnit: {
        in: { name: 's', mode: 's', properties: 'a(sv)', aux: 'a(sa(sv))' },
        out: { job: 'o' },
        handler: ({ name, properties }: { readonly name: string; readonly properties: unknown }) => {
          jobs += 1;
          const job = `${MANAGER}/job/${String(jobs)}`;
          void finish(name, job, new Map(toPlain<readonly [string, unknown][]>(properties)));
          return job;
        },
      },
      GetUnit: {
        in: { name: 's' },
        out: { unit: 'o' },
        handler: ({ name }: { readonly name: string }) => pathOf(name),
      },
      ResetFailedUnit: {
        in: { name: 's' },
        handler: ({ name }: { readonly name: string }) => {
          bus.unexportInterface(pathOf(name), SERVICE);
        },
      },
    },
  });
  await bus.export(MANAGER, manager);
  await bus.ownName('org.freedesktop.systemd1');
  return {
    leave: async () => {
      await bus.close();
    },
  };
}

async function runOnce(properties: ReadonlyMap<string, unknown>): Promise<Ended> {
  const [[program, argv]] = properties.get('ExecStartEx') as [[string, string[], string[]]];
  const output = await open(String(properties.get('StandardOutputFileToTruncate')), 'w');
  try {
    const child = spawn(program, argv.slice(1), { argv0: argv[0], stdio: ['ignore', output.fd, output.fd] });
    const [exit, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (signal !== null) return { result: 'signal', code: CLD_KILLED, status: constants.signals[signal] };
    return { result: exit === 0 ? 'success' : 'exit-code', code: CLD_EXITED, status: exit ?? 0 };
  } finally {
    await output.close();
  }
}

function pathOf(unit: string): string {
  return `${MANAGER}/unit/${unit.replace(/[^A-Za-z0-9]/g, (character) => `_${character.charCodeAt(0).toString(16)}`)}`;
}
