// A D-Bus of its own (dbus-daemon) and on it an object that answers as systemd's manager: a reload reaches no real systemd.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, defineInterface } from 'dbus-native';

const MANAGER = '/org/freedesktop/systemd1';

const CONFIG = (
  socket: string,
  rules: string,
): string => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>${rules}
  </policy>
</busconfig>`;

export type PrivateBus = { readonly socket: string; readonly stop: () => Promise<void> };

/** A bus at `dir/name` with nobody on it. `rules`: further policy rules, as dbus-daemon's configuration has them. */
export async function startBus(dir: string, name: string, rules = ''): Promise<PrivateBus> {
  const socket = join(dir, name);
  await writeFile(`${socket}.conf`, CONFIG(socket, rules));
  const flags = [`--config-file=${socket}.conf`, '--nofork', '--nopidfile', '--print-address'];
  const child = spawn('dbus-daemon', flags, { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  return {
    socket,
    stop: async () => {
      child.kill();
      await once(child, 'close');
    },
  };
}

/**
 * Puts a manager on a bus; `onReload` may throw an Error with `dbusName` to refuse. `units`: those that it has a file of. `running`: those that
 * run, and how each ends; what has ended is unloaded.
 */
export async function joinAsSystemd(
  socket: string,
  onReload: () => void,
  units: ReadonlySet<string> = new Set(),
  running: Map<string, () => Promise<unknown>> = new Map(),
): Promise<{ readonly leave: () => Promise<void> }> {
  const bus = createClient({ socket });
  const stateOf = ({ file }: { readonly file: string }): string => {
    if (units.has(file)) return 'generated';
    // As systemd 257 answers.
    throw Object.assign(new Error('No such file or directory'), {
      dbusName: 'org.freedesktop.DBus.Error.FileNotFound',
    });
  };
  const unitOf = (name: string): (() => Promise<unknown>) => {
    const found = running.get(name);
    if (found) return found;
    throw Object.assign(new Error(`Unit ${name} not loaded.`), { dbusName: 'org.freedesktop.systemd1.NoSuchUnit' });
  };
  const stop = async ({ name }: { readonly name: string }): Promise<string> => {
    await unitOf(name)();
    running.delete(name);
    return `${MANAGER}/job/1`;
  };
  const get = ({ name }: { readonly name: string }): string => {
    unitOf(name);
    return `${MANAGER}/unit/any`;
  };
  const properties = { ActiveState: { type: 's', access: 'read', value: 'active' } } as const;
  await bus.export(`${MANAGER}/unit/any`, defineInterface({ name: 'org.freedesktop.systemd1.Unit', properties }));
  const methods = {
    GetUnit: { in: { name: 's' }, out: { unit: 'o' }, handler: get },
    StopUnit: { in: { name: 's', mode: 's' }, out: { job: 'o' }, handler: stop },
    Reload: { handler: onReload },
    GetUnitFileState: { in: { file: 's' }, out: { state: 's' }, handler: stateOf },
  };
  await bus.export(MANAGER, defineInterface({ name: 'org.freedesktop.systemd1.Manager', methods }));
  await bus.ownName('org.freedesktop.systemd1');
  return {
    leave: async () => {
      await bus.close();
    },
  };
}

/** Puts a manager with one timer on a bus. What it says of its schedule is as systemd 252 to 257 write it (`systemd-analyze calendar`). */
export async function joinAsTimer(
  socket: string,
  timer: string,
  calendars: () => readonly string[],
): Promise<{ readonly leave: () => Promise<void> }> {
  const bus = createClient({ socket });
  const path = '/org/freedesktop/systemd1/unit/timer';
  const getUnit = ({ name }: { readonly name: string }): string => {
    if (name === timer) return path;
    throw Object.assign(new Error(`Unit ${name} not loaded.`), { dbusName: 'org.freedesktop.systemd1.NoSuchUnit' });
  };
  const methods = { GetUnit: { in: { name: 's' }, out: { unit: 'o' }, handler: getUnit } };
  const next = 4_102_444_800_000_000n;
  const properties = {
    NextElapseUSecRealtime: { type: 't', access: 'read', get: () => next },
    TimersCalendar: {
      type: 'a(sst)',
      access: 'read',
      get: () => calendars().map((calendar) => ['OnCalendar', calendar, next]),
    },
    TimersMonotonic: { type: 'a(stt)', access: 'read', get: () => [] },
  } as const;
  await bus.export('/org/freedesktop/systemd1', defineInterface({ name: 'org.freedesktop.systemd1.Manager', methods }));
  await bus.export(path, defineInterface({ name: 'org.freedesktop.systemd1.Timer', properties }));
  await bus.ownName('org.freedesktop.systemd1');
  return {
    leave: async () => {
      await bus.close();
    },
  };
}
