// What the kernel is told about programs of another architecture.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registration } from '../../hosts/emulator.ts';

const [, name, kind, offset, magic = '', mask = '', path, flags] = registration('arm64', '/c/qemu-aarch64').split(':');
const bytes = (text: string): readonly number[] =>
  [...text.matchAll(/\\x(..)/g)].map(([, hex = '']) => parseInt(hex, 16));

/** As the kernel compares them. */
const matches = (head: readonly number[]): boolean =>
  bytes(magic).every((byte, index) => ((byte ^ (head[index] ?? 0)) & (bytes(mask)[index] ?? 0)) === 0);

/** e_ident up to its padding, e_type and e_machine. */
const elf = (kind: number, machine: number, abi = 0): readonly number[] => [
  ...[0x7f, ...Buffer.from('ELF'), 2, 1, 1, abi, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[kind, 0, machine, 0],
];

test('names the emulator, and has it opened at once', () => {
  assert.deepEqual([name, kind, offset, path, flags], ['psi-arm64', 'M', '0', '/c/qemu-aarch64', 'F']);
  assert.equal(bytes(magic).length, bytes(mask).length);
});

test('takes programs of arm64, fixed and movable, of any ABI', () => {
  const AARCH64 = 0xb7;
  for (const head of [elf(2, AARCH64), elf(3, AARCH64), elf(3, AARCH64, 3)]) assert.ok(matches(head));
});

test("takes neither this machine's programs nor what is no program", () => {
  const X86_64 = 0x3e;
  const OBJECT = 1;
  for (const head of [elf(2, X86_64), elf(3, X86_64), elf(OBJECT, 0xb7), [...Buffer.from('#!/bin/sh')]]) {
    assert.ok(!matches(head));
  }
});

test('fits into what the kernel reads as one line', () => {
  assert.ok(registration('arm64', `/${'c'.repeat(120)}`).length < 1920);
});
