// What a file at the helper's path is: the helper that PSI brings along, one that PSI replaces, or something of somebody else's.

import type { HelperFound } from './helper-files.ts';

export const HELPER_MODE = 0o755;

export type HelperState =
  | { readonly is: 'good' }
  | { readonly is: 'missing'; readonly folder: 'missing' | 'empty' | 'used' }
  /** `why` goes on from "the lookup helper PATH ". */
  | { readonly is: 'bad'; readonly why: string }
  | { readonly is: 'barred'; readonly why: string }
  | { readonly is: 'foreign'; readonly why: string };

const ELF = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);

/**
 * The path is PSI's own, and what is there in the form of a program, or was one before a disk or a person cut it, is its own too: of any version
 * and architecture. A script or a text is somebody else's.
 */
export function isHelper(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0) || startsWith(bytes, ELF.subarray(0, bytes.length));
}

/** The same for the first line as a text; undefined: it is no file. */
export function isHelperText(text: string | undefined): boolean {
  return text !== undefined && isHelper(new TextEncoder().encode(text.slice(0, 64)));
}

export function judgeHelper(found: HelperFound, own: Uint8Array): HelperState {
  if (found.kind === 'nothing') return { is: 'missing', folder: found.folder };
  if (found.kind === 'no file') return { is: 'foreign', why: 'is no plain file' };
  const { bytes, mode, isOwn, mayRun } = found;
  if (!isHelper(bytes)) return { is: 'foreign', why: 'is no program of psi' };
  const why = differs(bytes, own) ?? badRights(mode, isOwn);
  if (why !== undefined) return { is: 'bad', why };
  return mayRun ? { is: 'good' } : { is: 'barred', why: 'is where nothing may be executed (`noexec`)' };
}

/** `psi-lookup VERSION`, as it prints it, stands in the program. */
export function helperVersion(bytes: Uint8Array): string | undefined {
  return /psi-lookup (\d+\.\d+\.\d+[0-9A-Za-z.+-]*)\n/.exec(latin1(bytes))?.[1];
}

function differs(bytes: Uint8Array, own: Uint8Array): string | undefined {
  if (bytes.length === own.length && startsWith(bytes, own)) return undefined;
  if (bytes.length === 0) return 'is empty';
  if (bytes.every((byte) => byte === 0)) return 'holds nothing but zeros';
  if (bytes.length < own.length && startsWith(own, bytes)) {
    return `is cut: ${String(bytes.length)} of ${String(own.length)} bytes`;
  }
  if (machineOf(bytes) !== machineOf(own)) return `is for another architecture: ${machineOf(bytes)}`;
  const [version = 'an unknown version', ours = 'unknown'] = [helperVersion(bytes), helperVersion(own)];
  return version === ours ? 'is not the one of this psi' : `is of ${version}, and this psi brings ${ours}`;
}

/** Podman runs it as root: nobody else may change it. */
function badRights(mode: number, isOwn: boolean): string | undefined {
  const shown = `(mode ${(mode & 0o7777).toString(8).padStart(4, '0')})`;
  if (!isOwn) return 'belongs to another user';
  if ((mode & 0o022) !== 0) return `can be changed by others ${shown}`;
  if ((mode & 0o6000) !== 0) return `runs with the rights of its owner ${shown}`;
  return (mode & 0o100) === 0 ? `is not executable ${shown}` : undefined;
}

const MACHINES: Readonly<Record<number, string>> = { 62: 'amd64', 183: 'arm64' };

function machineOf(bytes: Uint8Array): string {
  const machine = (bytes[18] ?? 0) + (bytes[19] ?? 0) * 256;
  return MACHINES[machine] ?? `ELF machine ${String(machine)}`;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.length <= bytes.length && start.every((byte, index) => bytes[index] === byte);
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
