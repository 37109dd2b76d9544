// node main.ts VERSION REAL-CURL ARGUMENTS…

import { spawn } from 'node:child_process';
import { writeOut, type Facts } from './write-out.ts';

const [version = '', real = '', ...args] = process.argv.slice(2);
/** Before what the real curl says of the call, behind what it complains of itself. */
const BEGIN = '\u0001facts ';

if (args.includes('-V')) {
  process.stdout.write(`curl ${version} (x86_64-pc-linux-gnu) libcurl/${version}\nRelease-Date: long ago\n`);
} else {
  call();
}

function call(): void {
  const at = args.indexOf('-w');
  const format = at < 0 ? '' : (args[at + 1] ?? '');
  const others = at < 0 ? args : args.toSpliced(at, 2);
  const words = [...others, '-A', `curl/${version}`, '-w', `%{stderr}${BEGIN}%{json}`];
  const child = spawn(real, words, { stdio: ['inherit', 'inherit', 'pipe'] });
  let heard = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (heard += chunk));
  child.on('close', (code) => {
    const [complaints = '', facts = '{}'] = heard.split(BEGIN);
    process.stderr.write(complaints);
    const printed = writeOut(version, format, JSON.parse(facts) as Facts);
    process.stdout.write(printed.stdout);
    process.stderr.write(printed.stderr);
    process.exitCode = code ?? 1;
  });
}
