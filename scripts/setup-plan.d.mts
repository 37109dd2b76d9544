// Types of setup-plan.mjs, which stays JavaScript for the Node that a machine comes with.

export type Purpose = 'unit' | 'build' | 'demo' | 'test';

export interface System {
  readonly name: string;
  readonly family: 'debian' | 'fedora' | 'other';
  readonly enterprise: boolean;
}

export interface PackagePlan {
  readonly commands: readonly string[];
  readonly packages: readonly string[];
  readonly notes: readonly string[];
}

export interface Lock {
  readonly packages?: Readonly<Record<string, LockEntry>>;
}

export interface LockEntry {
  readonly version?: string;
  readonly optional?: boolean;
  readonly link?: boolean;
}

export const NODE_MAJOR: number;
export function readSystem(osRelease: string): System;
export function planPackages(system: System, purpose: Purpose, has: (command: string) => boolean): PackagePlan;
export function needsNative(purpose: Purpose): boolean;
export function needsBuild(purpose: Purpose): boolean;
export function compilerLacks(commands: readonly string[]): readonly string[];
export function installCommand(system: System, packages: readonly string[]): readonly string[];
export function readPurpose(args: readonly string[]): Purpose | undefined;
export function purposeOfTests(chosen: readonly string[]): Purpose;
export function isNewEnough(version: string): boolean;
export function isInStep(lock: Lock | undefined, installed: Lock | undefined): boolean;
