// Starts the load generator and reads its result.
import { join } from 'node:path';
import { run } from '../hosts/run.ts';

export type Load = {
  readonly socket: string;
  readonly paths: readonly string[];
  /** What every answer has to be. */
  readonly body: string;
  readonly clients: number;
  readonly total: number;
  /** Requests before those that count: both ends compile their hot code first. */
  readonly warmUp: number;
};

export type LoadResult = {
  /** Milliseconds of each success. */
  readonly latencies: readonly number[];
  readonly seconds: number;
  readonly failures: readonly string[];
};

export async function load(options: Load): Promise<LoadResult> {
  const client = join(import.meta.dirname, 'load-client.ts');
  const result = await run([process.execPath, client], { input: JSON.stringify(options), timeoutMs: 120_000 });
  if (result.code !== 0) throw new Error(`the load generator ended with ${String(result.code)}: ${result.stderr}`);
  return JSON.parse(result.stdout) as LoadResult;
}
