// The process's own output streams, at its beginning and at its end.

export type Streams = readonly NodeJS.WritableStream[];

/** Whoever read a stream may have stopped reading, as `head` does: that is no failure. */
export function allowClosedReaders(streams: Streams): void {
  for (const stream of streams) stream.on('error', () => undefined);
}

/** Resolves when all has been taken: what a slow reader of a pipe has not taken yet is still in this process, and an exit cuts it off. */
export async function flushed(streams: Streams): Promise<void> {
  await Promise.all(streams.map(takenBy));
}

function takenBy(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((done) => {
    stream.write('', () => {
      done();
    });
  });
}
