// Starts what was built, has it asked once, and ends it: what V8 compiles meanwhile stays beside the parts, for each later start. By a start
// and not by loading the parts alone: most of what a start compiles are functions that it calls.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const ID = 'a'.repeat(25);
/** It takes a third of a second, and under an emulator, in the image of another architecture, four. */
const PATIENCE_MS = 60_000;

/** Nobody listens at the address: what a lookup needs is loaded before it fails. Nothing of this machine is touched: it may have a psi. */
const CONFIG = (dir) => `
state_dir: ${dir}/state
systemd_dir: ${dir}/systemd
socket: ${dir}/psi.sock
control_socket: ${dir}/control.sock
podman_socket: ${dir}/no-podman.sock
dbus_socket: ${dir}/no-dbus.sock
lookup: {helper_dir: ${dir}/helper}
providers:
  infisical:
    api_url: http://127.0.0.1:9
    auth: {method: universal-auth, client_id: nobody, client_secret: nothing}
    projects: {main: {id: none, environment: none}}
`;

const MAPPING = JSON.stringify({ provider: 'infisical', project: 'main', path: '/', key: 'KEY' });

/** `dist`: where the parts are. `node`: the command of the Node that is to run them. */
export async function compileParts(dist, [node, ...args]) {
  mkdirSync(join(dist, 'compiled'));
  const dir = mkdtempSync(join(tmpdir(), 'psi-compile-'));
  try {
    mkdirSync(join(dir, 'state'), { mode: 0o700 });
    writeFileSync(join(dir, 'state', ID), MAPPING, { mode: 0o600 });
    writeFileSync(join(dir, 'config.yaml'), CONFIG(dir), { mode: 0o600 });
    const env = { PATH: process.env.PATH, PSI_CONFIG: join(dir, 'config.yaml') };
    const psi = spawn(node, [...args, join(dist, 'main.cjs'), 'serve'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const said = psi.stderr.toArray();
    const ended = once(psi, 'exit');
    const heard = await answered(join(dir, 'psi.sock'), psi);
    psi.kill('SIGTERM');
    const late = setTimeout(() => psi.kill('SIGKILL'), PATIENCE_MS);
    const [code] = await ended;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the build does not start: ${Buffer.concat(await said).toString('utf8')}`);
    // Half of the parts compiled is a slower start on each host, and nothing that would show it.
    if (!heard) throw new Error('the build starts and does not answer');
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function answered(socketPath, psi) {
  const until = Date.now() + PATIENCE_MS;
  while (psi.exitCode === null && Date.now() < until) {
    if (await status(socketPath, `/lookup/${ID}`)) return true;
    await pause(10);
  }
  return false;
}

function status(socketPath, path) {
  return new Promise((done) => {
    request({ socketPath, path, agent: false }, (response) => {
      response.resume().on('end', () => done(response.statusCode));
    })
      .on('error', () => done(undefined))
      .end();
  });
}
