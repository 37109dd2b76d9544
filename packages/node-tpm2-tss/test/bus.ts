// A wire between a client and a software TPM: sees every byte, and may do something before a command gets through.

import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { SoftTpm } from './swtpm.ts';

// Where a command's header has its length and its code (TPM 2.0 Library, part 1, "Command header").
const LENGTH_AT = 2;
const CODE_AT = 6;
const HEADER_BYTES = 10;

export const COMMAND = { startAuthSession: 0x176, unseal: 0x15e, createPrimary: 0x131, readPublic: 0x173 } as const;

export class Bus {
  /** Both directions, in order. */
  readonly traffic: Buffer[] = [];
  readonly commands: number[] = [];
  /** Awaited before a command is passed on. */
  before: (code: number) => Promise<unknown> = () => Promise.resolve();
  /** What the client gets instead of the TPM's answer: somebody in the middle. */
  answer: (code: number, answer: Buffer) => Buffer = (_, answer) => answer;
  readonly #tpm: SoftTpm;
  readonly #servers: Server[] = [];

  private constructor(tpm: SoftTpm) {
    this.#tpm = tpm;
  }

  static async start(tpm: SoftTpm): Promise<Bus> {
    const bus = new Bus(tpm);
    await bus.#listen(bus.#socket, (client) => {
      bus.#serve(client);
    });
    await bus.#listen(`${bus.#socket}.ctrl`, (client) => {
      const upstream = connect(`${tpm.socket}.ctrl`);
      client.pipe(upstream).pipe(client);
      upstream.on('error', () => client.destroy());
      client.on('error', () => upstream.destroy());
    });
    return bus;
  }

  get tcti(): string {
    return `swtpm:path=${this.#socket}`;
  }

  carried(bytes: Uint8Array): boolean {
    return Buffer.concat(this.traffic).includes(Buffer.from(bytes));
  }

  async dispose(): Promise<void> {
    for (const server of this.#servers) await new Promise((resolve) => server.close(resolve));
    await Promise.all([this.#socket, `${this.#socket}.ctrl`].map((path) => rm(path, { force: true })));
  }

  get #socket(): string {
    return join(this.#tpm.folder, 'bus');
  }

  async #listen(path: string, serve: (client: Socket) => void): Promise<void> {
    const server = createServer(serve);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  #serve(client: Socket): void {
    let pending: Buffer = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      this.traffic.push(chunk);
      pending = Buffer.concat([pending, chunk]);
      if (pending.length < HEADER_BYTES || pending.length < pending.readUInt32BE(LENGTH_AT)) return;
      const command = pending;
      pending = Buffer.alloc(0);
      const code = command.readUInt32BE(CODE_AT);
      this.commands.push(code);
      void this.before(code).then(() => {
        this.#pass(code, command, client);
      });
    });
    client.on('error', () => client.destroy());
  }

  // Connected only now: swtpm serves one client at a time, and `before` may have been another one.
  #pass(code: number, command: Buffer, client: Socket): void {
    const upstream = connect(this.#tpm.socket);
    upstream.on('data', (chunk: Buffer) => {
      this.traffic.push(chunk);
      client.write(this.answer(code, chunk));
    });
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
    upstream.write(command);
  }
}
