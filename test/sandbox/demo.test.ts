// `npm run demo` as a person sees it, without its set-up step.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../hosts/run.ts';
import { sandboxSupport } from '../hosts/sandbox.ts';

const support = await sandboxSupport();

test(
  'the demo ends with the values that a container received, and leaves its values nowhere else',
  { skip: support.ok ? false : support.reason },
  async () => {
    const { code, stdout, stderr } = await run([process.execPath, join(import.meta.dirname, '../../scripts/demo.ts')], {
      timeoutMs: 120_000,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /created secret myapp--DB_HOST/);
    assert.match(stdout, /✔ DB_HOST=db\.internal/);
    assert.match(stdout, /4 of 4 values arrived byte for byte/);
  },
);
