// Commands on the host, as transient units of its systemd: PSI lives in a container and has neither the host's programs nor its services.

import { randomBytes } from 'node:crypto';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DBusError, Variant, type Message, type MessageBus } from 'dbus-native';

import { PsiError } from '../../core/error.ts';
import { printable } from '../../core/naming.ts';
import type { HostCommandResult, HostCommands } from '../../certificates/host-commands.ts';
import { MANAGER, onBus, unreachable } from './bus.ts';

export type SystemdCommandsOptions = {
  /** /run/dbus/system_bus_socket, or $XDG_RUNTIME_DIR/bus. */
  readonly socketPath: string;
  /** A folder that is the same on the host: for what a command writes while it runs. */
  readonly outputDir: string;
  readonly timeoutMs?: number;
};

const CALL_MS = 25_000;
/** systemd ends a command that takes too long, and says so; only if it does not, PSI stops waiting. */
const GRACE_MS = 15_000;
const MOST_BYTES = 4096;
const MOST_LINES = 10;

const JOB_REMOVED = `type='signal',sender='${MANAGER.destination}',interface='${MANAGER.interface}',member='JobRemoved'`;

export class SystemdCommands implements HostCommands {
  readonly #socketPath: string;
  readonly #outputDir: string;
  readonly #timeoutMs: number;

  constructor(options: SystemdCommandsOptions) {
    this.#socketPath = options.socketPath;
    this.#outputDir = options.outputDir;
    this.#timeoutMs = options.timeoutMs ?? 300_000;
  }

  async run(argv: readonly string[], description: string): Promise<HostCommandResult> {
    const unit = `psi-hook-${randomBytes(6).toString('hex')}.service`;
    const output = join(this.#outputDir, `.${unit}.out`);
    try {
      await this.#tidy();
      // Made here, so that it is for its owner alone from the beginning.
      await (await open(output, 'wx', 0o600)).close();
      const ended = await onBus(this.#socketPath, CALL_MS, (bus) => this.#start(bus, unit, argv, description, output));
      return { ...ended, output: await lastLines(output) };
    } catch (error) {
      throw this.#translate(error);
    } finally {
      await rm(output, { force: true });
    }
  }

  async #start(
    bus: MessageBus,
    unit: string,
    argv: readonly string[],
    description: string,
    output: string,
  ): Promise<Omit<HostCommandResult, 'output'>> {
    const options = { timeout: CALL_MS };
    const removed = jobEnd(bus, unit, this.#timeoutMs + GRACE_MS);
    // Whatever fails first is reported; the other must not end the process.
    removed.catch(() => undefined);
    await bus.invokeDbus({ member: 'AddMatch', signature: 's', body: [JOB_REMOVED] }, options);
    await bus.invoke({ ...MANAGER, member: 'Subscribe' }, options);
    const properties = unitProperties(argv, { description, output, timeoutMs: this.#timeoutMs });
    const message: Message = {
      ...MANAGER,
      member: 'StartTransientUnit',
      signature: 'ssa(sv)a(sa(sv))',
      body: [unit, 'fail', properties, []],
    };
    await bus.invoke(message, options);
    const result = await removed;
    // One that has done its work is unloaded at once; a failed one stays, to be asked.
    return result === 'done' ? { exit: 0, ended: undefined } : failureOf(bus, unit, result);
  }

  /** What killed runs left. Nobody else writes here: runs are one at a time. */
  async #tidy(): Promise<void> {
    for (const name of await readdir(this.#outputDir)) {
      if (/^\.psi-hook-[0-9a-f]{12}\.service\.out$/.test(name)) await rm(join(this.#outputDir, name), { force: true });
    }
  }

  #translate(thrown: unknown): PsiError {
    if (thrown instanceof PsiError) return thrown;
    if (thrown instanceof DBusError && thrown.dbusName !== undefined) {
      return new PsiError('HOST', `systemd refuses to run the command: ${printable(thrown.message)}`, {
        hint: 'psi has to run as root (or as the user whose manager it is); try the command by `systemd-run` on the host',
        cause: thrown,
      });
    }
    return unreachable(this.#socketPath, thrown);
  }
}

/** `env` finds the program on the path of the host, which not every systemd does; and no systemd replaces a `$` or `%` in what follows. */
function unitProperties(
  argv: readonly string[],
  {
    description,
    output,
    timeoutMs,
  }: { readonly description: string; readonly output: string; readonly timeoutMs: number },
): readonly (readonly [string, Variant])[] {
  const micros = BigInt(timeoutMs) * 1000n;
  return [
    ['Description', new Variant('s', description)],
    ['Type', new Variant('s', 'oneshot')],
    ['ExecStartEx', new Variant('a(sasas)', [['/usr/bin/env', ['env', '--', ...argv], ['no-env-expand']]])],
    ['StandardInput', new Variant('s', 'null')],
    ['StandardOutputFileToTruncate', new Variant('s', output)],
    ['StandardError', new Variant('s', 'inherit')],
    ['TimeoutStartUSec', new Variant('t', micros)],
  ];
}

function jobEnd(bus: MessageBus, unit: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new PsiError('HOST', `systemd did not say within ${String(timeoutMs / 1000)} s how the command ended`));
    }, timeoutMs);
    bus.connection.on('message', (message) => {
      const { member, body } = message;
      if (member !== 'JobRemoved' || body?.[2] !== unit) return;
      clearTimeout(timer);
      resolve(String(body[3]));
    });
    bus.connection.on('close', () => {
      clearTimeout(timer);
      reject(new PsiError('HOST', 'the D-Bus connection closed before the command had ended'));
    });
  });
}

async function failureOf(bus: MessageBus, unit: string, result: string): Promise<Omit<HostCommandResult, 'output'>> {
  const options = { timeout: CALL_MS };
  const path = await bus.invoke<string>({ ...MANAGER, member: 'GetUnit', signature: 's', body: [unit] }, options);
  const property = (name: string): Promise<unknown> =>
    Promise.resolve(
      bus.invoke(
        {
          ...{ destination: MANAGER.destination, path, interface: 'org.freedesktop.DBus.Properties', member: 'Get' },
          signature: 'ss',
          body: ['org.freedesktop.systemd1.Service', name],
        },
        options,
      ),
    );
  const [why, code, status] = await Promise.all(['Result', 'ExecMainCode', 'ExecMainStatus'].map(property));
  await bus.invoke({ ...MANAGER, member: 'ResetFailedUnit', signature: 's', body: [unit] }, options);
  // CLD_EXITED, CLD_KILLED, CLD_DUMPED.
  if (why === 'timeout') return { exit: undefined, ended: 'timeout' };
  if (code === 1) return { exit: Number(status), ended: undefined };
  if (code === 2 || code === 3) return { exit: undefined, ended: `signal ${String(status)}` };
  return { exit: undefined, ended: printable(typeof why === 'string' ? why : result) };
}

async function lastLines(path: string): Promise<readonly string[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - MOST_BYTES);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(MOST_BYTES), position: start });
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    // The first of them may have lost its beginning.
    const whole = start > 0 ? lines.slice(1) : lines;
    return whole
      .filter((line) => line.trim() !== '')
      .slice(-MOST_LINES)
      .map(shown);
  } finally {
    await file.close();
  }
}

/** For a terminal: what a command writes may hold anything. */
function shown(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trimEnd();
}
