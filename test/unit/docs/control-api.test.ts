// docs/control-api.md is what programs are written against: its codes, statuses, commands, routes, events and fields are those of the code.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { Command } from 'commander';

import { EXIT_WORDS, exitStatuses } from '../../../src/cli/help.ts';
import { build } from '../../../src/cli/run.ts';
import { ERROR_CODES } from '../../../src/core/error.ts';
import { EXIT, exitCode } from '../../../src/core/exit.ts';
import { httpStatus } from '../../../src/faces/error-to-response.ts';
import { fakeTerminal } from '../../fakes/terminal.fake.ts';

const read = (path: string): Promise<string> => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = await read('docs/control-api.md');

/** The cells of each row of the tables under a heading, without the quotes of code. */
function rows(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = new RegExp(`^## ${heading}$([^]*?)(?=^## |$(?![^]))`, 'm').exec(page) ?? [];
  const lines = section.split('\n').filter((line) => /^\|(?! -|[ -]*\|$)/.test(line));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

test('every code stands there with its HTTP status and its exit status', () => {
  const [, ...told] = rows('Failure');
  assert.deepEqual(
    told,
    ERROR_CODES.map((code) => [code, String(httpStatus(code)), String(exitCode(code))]),
  );
});

test('every exit status stands there in the words of the help', () => {
  const [, ...told] = rows('Exit statuses');
  assert.deepEqual(
    told,
    Object.entries(EXIT).map(([name, status]) => [String(status), name, EXIT_WORDS[name as keyof typeof EXIT]]),
  );
  assert.ok(exitStatuses({}).every(([status]) => told.some(([number]) => number === String(status))));
});

function jsonCommands(command: Command, path: readonly string[] = []): readonly string[] {
  const own = command.options.some(({ long }) => long === '--json') ? [path.join(' ')] : [];
  return [...own, ...command.commands.flatMap((child) => jsonCommands(child, [...path, child.name()]))];
}

test('every command with --json has its result there', () => {
  const unused = (): never => assert.fail('this is not asked for here');
  const { terminal } = fakeTerminal();
  const program = build(
    {
      terminal,
      version: '1',
      loadConfig: unused,
      defaultConfig: unused,
      lastGoodConfig: unused,
      formatIssues: unused,
      compose: unused,
    },
    () => undefined,
  );
  const told = rows('Commands').map(([command]) => command);
  assert.deepEqual(told.slice(1, told.indexOf('of which')), jsonCommands(program));
});

test('every route stands there', async () => {
  const files = ['routes', 'cache-routes', 'sealed-routes'];
  const source = (await Promise.all(files.map((name) => read(`src/faces/control/${name}.ts`)))).join('');
  const routes = [...source.matchAll(/(?:app|router)\.(get|post)\('([^']+)'/g)].map(
    ([, method = '', path = '']) => `${method.toUpperCase()} ${path}`,
  );
  assert.ok(routes.length >= 10);
  const told = rows('Control socket').map(([route = '']) => route);
  assert.deepEqual(told.slice(1).toSorted(), routes.toSorted());
});

test('every event stands there', async () => {
  const source =
    (await read('src/registration/setup-events.ts')) +
    (await read('src/survey/events.ts')) +
    (await read('src/faces/control/cache-routes.ts')) +
    (await read('src/faces/control/routes.ts')) +
    (await read('src/faces/control/stream.ts'));
  const events = new Set([...source.matchAll(/\bevent: '([a-z]+)'/g)].map(([, event = '']) => event));
  const told = rows('Events').map(([event = '']) => event);
  assert.deepEqual(told.slice(1).toSorted(), [...events].toSorted());
});

/** The types whose fields are told, and the row that tells them. */
const TYPES = [
  ['src/registration/setup-events.ts', 'SetupReport', 'setup'],
  ['src/registration/prune-report.ts', 'PruneReport', 'prune'],
  ['src/registration/prune-report.ts', 'Staying', 'prune'],
  ['src/registration/prune-report.ts', 'Removal', 'Removal'],
  ['src/lookup/status.ts', 'ServiceStatus', 'status'],
  ['src/cache/backends.ts', 'InitReport', 'cache init'],
  ['src/cache/control.ts', 'CacheReport', 'cache status'],
  ['src/cache/refresh.ts', 'RefreshReport', 'cache refresh'],
  ['src/provider/try-logins.ts', 'LoginReport', 'infisical login'],
  ['src/transfer/import/quadlet.ts', 'QuadletReport', 'infisical import quadlet'],
  ['src/transfer/import/quadlet.ts', 'QuadletEdit', 'infisical import quadlet'],
  ['src/certificates/report.ts', 'CertificateRunReport', 'infisical tls renew'],
  ['src/certificates/status.ts', 'CertificateOverview', 'infisical tls status'],
  ['src/certificates/status.ts', 'CertificateStatus', 'infisical tls status'],
  ['src/registration/setup-events.ts', 'ChangeReport', 'Change'],
  ['src/cache/status.ts', 'CacheStatus', 'Cache'],
  ['src/cache/status.ts', 'CacheProblem', 'Cache'],
  ['src/cache/control.ts', 'Verified', 'Verified'],
  ['src/cache/reseal.ts', 'ResealReport', 'cache reseal'],
  ['src/sealing/recipient-state.ts', 'RecipientState', 'Recipient'],
  ['src/sealed/reports.ts', 'StoreReport', 'sealed store'],
  ['src/sealed/reports.ts', 'SealedList', 'sealed list'],
  ['src/sealed/reports.ts', 'SealedSecret', 'sealed list'],
  ['src/sealed/reports.ts', 'AsideSecret', 'sealed list'],
  ['src/sealed/reports.ts', 'RemoveReport', 'sealed remove'],
  ['src/sealed/reports.ts', 'RestoreReport', 'sealed restore'],
  ['src/sealed/reports.ts', 'ExportReport', 'sealed export'],
  ['src/sealed/reports.ts', 'SealedStatus', 'sealed status'],
  ['src/sealed/reports.ts', 'ResealedReport', 'sealed reseal'],
  ['src/sealing/key-report.ts', 'KeyReport', 'Key'],
  ['src/sealing/key-report.ts', 'KeyCheck', 'Key'],
  ['src/provider/try-logins.ts', 'LoginResult', 'Login'],
  ['src/transfer/import/report.ts', 'ImportReport', 'Import'],
  ['src/transfer/import/report.ts', 'KeyResult', 'Import'],
  ['src/certificates/report.ts', 'CertificateReport', 'Certificate'],
  ['src/certificates/report.ts', 'HookReport', 'Certificate'],
  ['src/certificates/report.ts', 'CertificateFailure', 'Certificate'],
] as const;

for (const [file, type, row] of TYPES) {
  test(`every field of ${type} stands in the row ${row}`, async () => {
    const [, declared = ''] =
      new RegExp(`^export type ${type} =([^]*?)(?=^(?:export|const|class|function|/\\*\\*|//)|$(?![^]))`, 'm').exec(
        await read(file),
      ) ?? [];
    const fields = [...declared.matchAll(/readonly (\w+)\??:/g)].map(([, field = '']) => field);
    assert.ok(fields.length > 0, 'the type is where this test looks for it');
    const told = rows('Commands').find(([name]) => name === row)?.[1] ?? '';
    assert.deepEqual(
      fields.filter((field) => !new RegExp(`\\b${field}\\b`).test(told)),
      [],
    );
  });
}
