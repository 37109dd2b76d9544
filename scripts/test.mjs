// `npm test`: makes ready what the chosen tiers need and nothing more, then runs them (scripts/test.ts). Runs on Node 20 without any package.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { purposeOfTests } from './setup-plan.mjs';

const SCRIPTS = dirname(fileURLToPath(import.meta.url));
const chosen = process.argv.slice(2);

const run = (command, args) => {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};

run(process.execPath, [join(SCRIPTS, 'setup.mjs'), `--for=${purposeOfTests(chosen)}`]);
run('sh', [join(SCRIPTS, 'node'), join(SCRIPTS, 'test.ts'), ...chosen]);
