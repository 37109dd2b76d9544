// What has to be true after each end of PSI, however it came.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Observed } from '../process/observed/stage.ts';
import { lookUp } from './campaign.ts';
import type { Held } from './ledger.ts';
import { KEYS, valueOf, type Traffic } from './traffic.ts';

export type Folders = { readonly stateDir: string; readonly systemdDir: string };

/** The faults found, in words. */
export async function look(it: Observed, traffic: Traffic, folders: Folders): Promise<readonly string[]> {
  return [
    ...(await acknowledged(it, traffic)),
    ...(await lines(it, traffic, folders.systemdDir)),
    ...(await files(folders.stateDir)),
  ];
}

/** Whatever was acknowledged is answered. */
async function acknowledged(it: Observed, { ledger }: Traffic): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const id of ledger.ids) {
    const allowed = ledger.allowed(id);
    const found = await lookUp(it.psi.socket, id);
    const held = allowed.filter((to) => fits(found, to));
    if (held.length === 0) {
      const words = allowed.map((to) => to ?? 'deleted').join(' or ');
      faults.push(`${id}: ${words} was acknowledged; it is ${String(found.status)} ${found.code} ${found.value}`);
    }
    ledger.settles(id, held[0]);
  }
  return faults;
}

function fits(found: Awaited<ReturnType<typeof lookUp>>, to: Held): boolean {
  return to === undefined ? found.code === 'NOT_FOUND' : found.status === 200 && found.value === valueOf(to);
}

/** A line of the drop-in names a secret that Podman has, and a lookup of it has a value unless the provider has none. */
async function lines(it: Observed, traffic: Traffic, systemdDir: string): Promise<readonly string[]> {
  const text = await readFile(join(systemdDir, 'app.container.d', '50-secrets.conf'), 'utf8').catch(() => '');
  const secrets = await it.podman.list();
  const faults: string[] = [];
  for (const [, name = ''] of text.matchAll(/^Secret=([^,\n]+)/gm)) {
    const secret = secrets.find((known) => known.name === name);
    const key = name.replace(/^app--/, '');
    if (secret === undefined) faults.push(`the drop-in names ${name}, which podman does not have`);
    else {
      const { status, code } = await lookUp(it.psi.socket, secret.id);
      const there = KEYS.includes(key) || traffic.present.has(key);
      if (status !== 200 && there) faults.push(`${name} is in the drop-in, and its lookup fails: ${code}`);
    }
  }
  return faults;
}

const SOON_MS = 5_000;

/** No temporary file outlives the next start, and no file of the cache was put aside. */
async function files(stateDir: string): Promise<readonly string[]> {
  const until = Date.now() + SOON_MS;
  for (;;) {
    const left = (await readdir(stateDir)).filter((name) => name.endsWith('.tmp') || name.includes('.bad'));
    if (left.length === 0) return [];
    // The sweep runs beside the first lookups.
    if (Date.now() > until) return left.map((name) => `${name} is left in the state folder`);
    await new Promise((next) => setTimeout(next, 50));
  }
}
