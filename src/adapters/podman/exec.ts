// A command in a container that runs, over Podman's REST API: for a psi that is no `podman` beside it, in a container of its own.

import { PsiError } from '../../core/error.ts';
import { decodeExecCreated, decodeExecEnded } from './codec.ts';
import { refusal } from './errors.ts';
import { createPodmanApi, type ApiAnswer, type PodmanApi } from './modem.ts';

const CONTAINERS = '/v4.0.0/libpod/containers';
const EXEC = '/v4.0.0/libpod/exec';

export type Ran = { readonly exit: number; readonly stdout: string; readonly stderr: string };

/** Resolves when the command has ended, however it did. Failure: HOST. */
export type ContainerCommand = (container: string, argv: readonly string[]) => Promise<Ran>;

export function createContainerCommand(options: {
  readonly socketPath: string;
  /** For the whole command. */
  readonly timeoutMs: number;
}): ContainerCommand {
  const api = createPodmanApi(options);
  return async (container, argv) => {
    const what = `run a command in the container ${container}`;
    const id = await created(api, container, argv, what);
    const answer = await api({ ...post(`${EXEC}/${id}/start`, { Detach: false, Tty: false }) });
    if (answer.status !== 200) throw refusal(what, answer);
    return { exit: await exitOf(api, id, what), ...streams(answer.body) };
  };
}

async function created(api: PodmanApi, container: string, argv: readonly string[], what: string): Promise<string> {
  const wish = { Cmd: argv, AttachStdout: true, AttachStderr: true };
  const answer = await api(post(`${CONTAINERS}/${encodeURIComponent(container)}/exec`, wish));
  const id = answer.status === 201 ? decodeExecCreated(answer.body.toString('utf8')) : undefined;
  if (id === undefined || !/^[0-9a-f]{12,64}$/.test(id)) throw refusal(what, answer);
  return id;
}

async function exitOf(api: PodmanApi, id: string, what: string): Promise<number> {
  const answer: ApiAnswer = await api({ method: 'GET', path: `${EXEC}/${id}/json` });
  const exit = answer.status === 200 ? decodeExecEnded(answer.body.toString('utf8')) : undefined;
  if (exit === undefined) throw refusal(what, answer);
  return exit;
}

function post(path: string, body: unknown): { readonly method: 'POST'; readonly path: string; readonly body: Buffer } {
  return { method: 'POST', path, body: Buffer.from(JSON.stringify(body)) };
}

const HEAD = 8;
const STDOUT = 1;
const STDERR = 2;

/** Without a terminal both come in frames: which of them (1), three zeros, and how many bytes follow (4, big-endian). */
export function streams(body: Buffer): Pick<Ran, 'stdout' | 'stderr'> {
  const parts: Record<number, Buffer[]> = { [STDOUT]: [], [STDERR]: [] };
  for (let at = 0; at < body.length;) {
    const from = at + HEAD;
    const end = from > body.length ? Infinity : from + body.readUInt32BE(at + 4);
    if (end > body.length) throw cutShort();
    parts[body[at] ?? 0]?.push(body.subarray(from, end));
    at = end;
  }
  const text = (stream: number): string => Buffer.concat(parts[stream] ?? []).toString('utf8');
  return { stdout: text(STDOUT), stderr: text(STDERR) };
}

function cutShort(): PsiError {
  return new PsiError('HOST', 'what a command in a container printed came without its end', {
    hint: 'see `journalctl -u podman.service`',
    retry: 'later',
  });
}
