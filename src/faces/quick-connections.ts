// Connections whose first bytes are a lookup that can be answered at once are answered here, in one write, and closed; each other one is
// handed to node:http with the bytes that were read.

import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The whole answer to the first bytes of a connection, its head and what follows, and what is to be called once it is written; undefined:
 * node:http answers.
 */
export type FirstAnswer = (
  first: Buffer,
) => { readonly head: string; readonly rest: Uint8Array; readonly sent: () => void } | undefined;

/** A connection that sends nothing is ended after one to two of these, about as node:http does. */
const SWEEP_MS = 30_000;

/** Bytes of a value that leave with the head, in one write; what is larger would be copied for more than a write costs. */
export const IN_ONE_PIECE = 16 * 1024;

export class QuickConnections {
  readonly #answer: FirstAnswer;
  /** Those that have no answer yet, or have not taken all of it, with the sweep in which they came. */
  readonly #open = new Map<Socket, number>();
  #sweep = 0;

  constructor(answer: FirstAnswer) {
    this.#answer = answer;
  }

  /** Takes the place of the server's own reader of connections, which gets those that are not answered here. */
  standBefore(server: Server): void {
    const [serve] = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    if (serve === undefined) return;
    server.off('connection', serve);
    server.on('connection', (socket: Socket) => {
      this.#take(socket, () => {
        serve.call(server, socket);
      });
    });
    const sweeping = setInterval(() => {
      this.#endOld();
    }, SWEEP_MS).unref();
    server.once('close', () => {
      clearInterval(sweeping);
    });
  }

  endAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #take(socket: Socket, serve: () => void): void {
    const ended = (): void => {
      // A caller that has said all it has to say may still read.
      if (!socket.writableEnded) socket.destroy();
    };
    this.#open.set(socket, this.#sweep);
    socket.on('error', ended);
    socket.on('end', ended);
    socket.once('close', () => {
      this.#open.delete(socket);
    });
    socket.once('data', (first: Buffer) => {
      const answer = this.#answer(first);
      if (answer) {
        send(socket, answer.head, answer.rest);
        answer.sent();
        return;
      }
      this.#open.delete(socket);
      socket.off('error', ended);
      socket.off('end', ended);
      socket.pause();
      socket.unshift(first);
      serve();
      socket.resume();
    });
  }

  #endOld(): void {
    for (const [socket, since] of this.#open) if (since < this.#sweep) socket.destroy();
    this.#sweep += 1;
  }
}

function send(socket: Socket, head: string, rest: Uint8Array): void {
  if (rest.byteLength <= IN_ONE_PIECE) {
    socket.write(head + Buffer.from(rest.buffer, rest.byteOffset, rest.byteLength).toString('latin1'), 'latin1');
  } else {
    socket.write(head, 'latin1');
    socket.write(rest);
  }
  socket.destroySoon();
}
