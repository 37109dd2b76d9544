// Runs the double as a process of its own, for compose.test.yml and the demo.
// HOST, PORT, CONTROL_PORT and SEED (inline JSON or a path) come from the environment; one line with the URL goes out.
import { readFile } from 'node:fs/promises';
import { decode, generationCodec, seedCodec } from './codec.ts';
import { startInfisicalDouble } from './infisical-double.ts';
import type { Seed } from './codec.ts';

async function readSeed(source: string | undefined): Promise<Seed> {
  if (source === undefined || source === '') return {};
  const text = source.trimStart().startsWith('{') ? source : await readFile(source, 'utf8');
  return decode(seedCodec, JSON.parse(text));
}

function portOf(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text);
}

const { HOST, PORT, CONTROL_PORT, SEED, GENERATION } = process.env;
const double = await startInfisicalDouble({
  host: HOST,
  port: portOf(PORT),
  controlPort: portOf(CONTROL_PORT),
  generation: GENERATION === undefined || GENERATION === '' ? undefined : decode(generationCodec, GENERATION),
  seed: await readSeed(SEED),
});

// PID 1 in a container has no default action for signals, so both are handled here.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void double.close();
  });
}
process.stdout.write(`${double.url}\n`);
