// The simple leaves of the schema, each named as an expectation. Paths, names and URLs have files of their own.

import { FILE_MODE } from '../../core/workload.ts';
import { Leaf, isLine } from './leaf.ts';
import { parseArgv } from './argv.ts';

const STRING = { type: 'string' } as const;

export const boolean = new Leaf<boolean>({
  expected: 'true or false',
  code: 'BAD_BOOLEAN',
  json: { type: 'boolean' },
  visible: true,
  parse: (value) => (typeof value === 'boolean' ? value : undefined),
});

export function integer(min: number, max: number, code: 'BAD_NUMBER' | 'BAD_PCR' = 'BAD_NUMBER'): Leaf<number> {
  return new Leaf<number>({
    expected: `whole number from ${String(min)} to ${String(max)}`,
    code,
    json: { type: 'integer', minimum: min, maximum: max },
    visible: true,
    parse: (value) =>
      Number.isInteger(value) && Number(value) >= min && Number(value) <= max ? Number(value) : undefined,
  });
}

export function line(expected: string, visible: boolean): Leaf<string> {
  return new Leaf<string>({
    expected,
    code: 'BAD_TEXT',
    json: { ...STRING, minLength: 1 },
    visible,
    parse: (value) => (isLine(value) ? value : undefined),
  });
}

/** Identity ids, client ids: not secret by themselves, but they stand under auth, and nothing there is shown. */
export const identity = line('text', false);

export const mode = new Leaf<string>({
  expected: 'octal file mode such as "0400"',
  code: 'BAD_MODE',
  json: { ...STRING, pattern: FILE_MODE.source },
  visible: true,
  parse: (value) => (typeof value === 'string' && FILE_MODE.test(value) ? value.padStart(4, '0') : undefined),
});

export const hex = new Leaf<string>({
  expected: 'hex digits such as "02"',
  code: 'BAD_HEX',
  json: { ...STRING, pattern: '^(?:[0-9A-Fa-f]{2})+$' },
  visible: true,
  parse: (value) =>
    typeof value === 'string' && /^(?:[0-9A-Fa-f]{2}){1,64}$/.test(value) ? value.toLowerCase() : undefined,
});

export function command(visible: boolean): Leaf<readonly string[]> {
  return new Leaf<readonly string[]>({
    expected: 'command such as [systemctl, reload, nginx.service]',
    code: 'BAD_COMMAND',
    json: {
      anyOf: [
        { ...STRING, minLength: 1 },
        { type: 'array', items: STRING, minItems: 1 },
      ],
    },
    visible,
    parse: parseArgv,
  });
}
