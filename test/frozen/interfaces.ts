// What programs of others hold on to, gathered from the code as it is now: one line for each, so that one that is gone is a line that is
// gone.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';

import { build } from '../../src/cli/run.ts';
import { ERROR_CODES } from '../../src/core/error.ts';
import { EXIT, exitCode } from '../../src/core/exit.ts';
import { httpStatus } from '../../src/faces/error-to-response.ts';
import { fakeTerminal } from '../fakes/terminal.fake.ts';

const read = (path: string): Promise<string> => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

export type Interfaces = Readonly<Record<string, readonly string[]>>;

export async function interfacesOfNow(): Promise<Interfaces> {
  return {
    'exit statuses': Object.entries(EXIT).map(([name, status]) => `${name} ${String(status)}`),
    codes: ERROR_CODES.map((code) => `${code} ${String(httpStatus(code))} ${String(exitCode(code))}`),
    commands: commandsOf(program()),
    'control routes': await controlRoutes(),
    metrics: await metricNames(),
    'config keys': await configKeys(),
  };
}

export function program(): Command {
  const unused = (): never => {
    throw new Error('this is not asked for here');
  };
  const deps = { loadConfig: unused, defaultConfig: unused, lastGoodConfig: unused, formatIssues: unused };
  return build({ ...deps, terminal: fakeTerminal().terminal, version: '1', compose: unused }, () => undefined);
}

/** Each with its arguments, and each of its flags as a line. */
function commandsOf(command: Command, path: readonly string[] = []): readonly string[] {
  const name = path.join(' ');
  const words = command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`));
  const own = path.length === 0 ? [] : [[name, ...words].join(' ')];
  const flags = command.options.map(({ flags: text }) => `${name} ${text}`.trim());
  return [...own, ...flags, ...command.commands.flatMap((child) => commandsOf(child, [...path, child.name()]))];
}

async function controlRoutes(): Promise<readonly string[]> {
  const files = ['routes', 'cache-routes', 'sealed-routes'];
  const source = (await Promise.all(files.map((name) => read(`src/faces/control/${name}.ts`)))).join('');
  return [...source.matchAll(/(?:app|router)\.(get|post)\('([^']+)'/g)].map(
    ([, method = '', path = '']) => `${method.toUpperCase()} ${path}`,
  );
}

async function metricNames(): Promise<readonly string[]> {
  const [, section = ''] = /^## Metrics$([^]*?)^## /m.exec(await read('docs/control-api.md')) ?? [];
  return [...new Set(section.match(/`psi_[a-z_]+`/g))].map((name) => name.replaceAll('`', ''));
}

type Schema = {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
};

/** `*` stands for a name of the operator's choice, `[]` for an entry of a list. */
async function configKeys(): Promise<readonly string[]> {
  const root = JSON.parse(await read('docs/config.schema.json')) as Schema & { readonly definitions: object };
  const definitions = new Map<string, Schema>(Object.entries(root.definitions));
  const found = new Set<string>();
  const walk = (schema: Schema | boolean | undefined, path: string): void => {
    if (typeof schema !== 'object') return;
    if (schema.$ref !== undefined) walk(definitions.get(schema.$ref.replace('#/definitions/', '')), path);
    for (const [key, child] of Object.entries(schema.properties ?? {})) {
      const name = path === '' ? key : `${path}.${key}`;
      found.add(name);
      walk(child, name);
    }
    walk(schema.additionalProperties, path === '' ? '*' : `${path}.*`);
    walk(schema.items, `${path}[]`);
    for (const one of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]) walk(one, path);
  };
  walk(root, '');
  return [...found].sort();
}
