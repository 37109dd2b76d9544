// Programs of another architecture, by an emulator that the kernel calls by itself. The kernel's table of emulators (binfmt_misc) is the
// machine's own and stays as it is: since Linux 6.7 each user namespace may have another, which ends with it.

import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { exists, type OtherMachine } from './base-root.ts';
import { debianPackages, debianPackagesSupport } from './debian-packages.ts';
import { type Keeper, startKeeper } from './keeper.ts';
import { missingCommand, must } from './run.ts';
import type { Support } from './sandbox.ts';

/** An architecture that images are built for beside this machine's, as Node names it. */
export type Foreign = 'arm64';

/** Debian's package, the program in it, and what an ELF file of the architecture has as its `e_machine`. */
const EMULATORS = { arm64: { program: 'qemu-aarch64', machine: 0xb7 } } as const;
const PACKAGE = 'qemu-user';

export const TABLE = '/proc/sys/fs/binfmt_misc';
const TAKE_TABLE = `mount -t binfmt_misc none ${TABLE}\n`;

/** Whether programs of this architecture can run here, in a namespace of their own. */
export async function emulatorSupport(arch: Foreign): Promise<Support> {
  if (process.arch !== 'x64')
    return { ok: false, reason: `no emulator of ${arch} for ${process.arch} machines is known here` };
  const missing = await missingCommand(['unshare', 'nsenter', 'tar']);
  if (missing !== undefined) return { ok: false, reason: `programs of ${arch} need ${missing}` };
  if (!(await exists(TABLE))) return { ok: false, reason: `no ${TABLE}: modprobe binfmt_misc` };
  const packages = await debianPackagesSupport();
  return packages.ok ? ownTableSupport() : packages;
}

/** Whether this kernel has a table for one namespace alone. */
export async function ownTableSupport(): Promise<Support> {
  try {
    await (await apart(TAKE_TABLE)).stop();
    return { ok: true };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `no table of emulators for one user namespace alone (Linux 6.7 has it): ${why}` };
  }
}

/** POSIX sh for the head of a keeper with users of its own: from then on the kernel runs the architecture's programs there, in any root. */
export async function takeUp(arch: Foreign): Promise<string> {
  return takeUpBy(arch, await emulator(arch));
}

export const takeUpBy = (arch: Foreign, path: string): string =>
  `${TAKE_TABLE}printf %s '${registration(arch, path)}' >${TABLE}/register\n`;

/** A machine of the architecture, as far as debootstrap needs one. */
export const emulated = (arch: Foreign): OtherMachine => ({
  arch,
  support: () => emulatorSupport(arch),
  must: async (argv) => {
    const keeper = await apart(await takeUp(arch));
    try {
      const { code, stdout, stderr } = await keeper.run(argv);
      if (code !== 0)
        throw new Error(`${argv.slice(0, 4).join(' ')}: exit ${String(code)}: ${(stdout + stderr).slice(-2000)}`);
    } finally {
      await keeper.stop();
    }
  },
});

/** A keeper with users of its own, started by this shell text. */
export async function apart(prepare: string): Promise<Keeper> {
  const dir = await mkdtemp(join(tmpdir(), 'psi-emulation-'));
  try {
    return await startKeeper({ dir, flags: [], ownUsers: true, prepare });
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/** The emulator's path. Debian's of the hosts' suite is static, as it has to be where the libraries are those of another architecture. */
async function emulator(arch: Foreign): Promise<string> {
  const archive = (await debianPackages([PACKAGE]))[PACKAGE];
  const { program } = EMULATORS[arch];
  const path = join(dirname(archive), program);
  if (await exists(path)) return path;
  const draft = `${path}.${String(process.pid)}.tmp`;
  const extract = 'dpkg-deb --fsys-tarfile "$1" | tar -x --to-stdout "./usr/bin/$2" >"$3" && chmod 755 "$3"';
  await must(['sh', '-c', extract, 'sh', archive, program, draft]);
  await rename(draft, path);
  return path;
}

/** The head of a little-endian ELF file of 64 bits for Linux: any ABI version, a program at a fixed place (2) or at any (3). */
const headOf = (machine: number): readonly number[] => [
  ...[0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[2, 0, machine, 0],
];
const MASK = headOf(0).map((_, index) => ({ 7: 0, 16: 0xfe })[index] ?? 0xff);

const escaped = (bytes: readonly number[]): string =>
  bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

/** The kernel's line for it. `F`: opened now, so that it is found in every root. */
export function registration(arch: Foreign, path: string): string {
  return `:psi-${arch}:M:0:${escaped(headOf(EMULATORS[arch].machine))}:${escaped(MASK)}:${path}:F`;
}
