// The way into a virtual machine: one line for each command and one for its outcome, over a virtio port. Both ends are here. A network
// and a login would be two more things that can break, and a machine whose TPM is under test has its own use for both.
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { HostFiles } from './host-files.ts';
import type { RunOptions, RunResult } from './run.ts';

export const AGENT_PORT = 'psi-agent';

const SCRIPT = '/usr/local/sbin/psi-agent';

// Fields are base64, or empty. The port is opened once: read and written at the same time, and at its end systemd opens it again.
const AGENT = `#!/bin/sh
work=$(mktemp -d)
exec 3<>/dev/virtio-ports/${AGENT_PORT}
while read -r id script input <&3; do
  printf %s "$script" | base64 -d >"$work/script"
  printf %s "$input" | base64 -d >"$work/in"
  sh "$work/script" <"$work/in" >"$work/out" 2>"$work/err" 3>&-
  code=$?
  printf '%s %s %s %s\\n' "$id" "$code" "$(base64 -w0 <"$work/out")" "$(base64 -w0 <"$work/err")" >&3
done
`;

const UNIT = `[Unit]
BindsTo=dev-virtio\\x2dports-psi\\x2dagent.device
After=dev-virtio\\x2dports-psi\\x2dagent.device
StartLimitIntervalSec=0
[Service]
ExecStart=${SCRIPT}
Environment=HOME=/root LANG=C.UTF-8
Restart=always
RestartSec=1
`;

/** What the guest needs; something has to want `psi-agent.service`. */
export const AGENT_FILES: HostFiles = {
  [SCRIPT]: { content: AGENT, mode: 0o755 },
  '/etc/systemd/system/psi-agent.service': UNIT,
};

/** A command that takes longer is hung. */
const LONGEST_MS = 300_000;

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
const base64 = (data: string | Uint8Array): string => Buffer.from(data).toString('base64');

export class VmAgent {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, { resolve: (result: RunResult) => void; reject: (error: Error) => void }>();
  #last = 0;

  /** `socket`: the port's end on this side; the guest may not have opened the other one yet. */
  constructor(socket: Socket) {
    this.#socket = socket;
    createInterface({ input: socket }).on('line', (line) => {
      const [id = '', code = '', out = '', err = ''] = line.split(' ');
      const bytes = Buffer.from(out, 'base64');
      const stderr = Buffer.from(err, 'base64').toString('utf8');
      this.#waiting.get(Number(id))?.resolve({ code: Number(code), stdout: bytes.toString('utf8'), stderr, bytes });
      this.#waiting.delete(Number(id));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the virtual machine has ended'));
      this.#waiting.clear();
    });
  }

  /** One at a time: the guest works them off in order. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const seconds = Math.ceil((options.timeoutMs ?? LONGEST_MS) / 1000);
    const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value ?? ''}`);
    const words = ['timeout', '-s', 'KILL', String(seconds), 'env', ...env, ...argv];
    const script = `cd ${quoted(options.cwd ?? '/root')} && exec ${words.map(quoted).join(' ')}`;
    const id = (this.#last += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${String(id)} ${base64(script)} ${base64(options.input ?? '')}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
