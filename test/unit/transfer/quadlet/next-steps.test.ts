import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextSteps, type NextSteps, type NextStepsInput } from '../../../../src/transfer/quadlet/next-steps.ts';
import { unitNames } from '../../../../src/transfer/quadlet/specifiers.ts';
import { SYSTEM, USER } from './stage.ts';

function steps(unitFile: string, over: Partial<NextStepsInput> = {}): NextSteps {
  return nextSteps({
    unitFile,
    names: unitNames(unitFile, undefined, SYSTEM),
    provider: 'infisical',
    project: 'main',
    path: '/app',
    workloads: [],
    keys: ['A'],
    others: false,
    rewriteCommand: undefined,
    ...over,
  });
}

test('a template is a workload of the same name, and every instance is restarted', () => {
  const { config, commands } = steps('worker@.container');
  assert.match(config ?? '', /^workloads:\n {2}"worker@":\n {4}secrets:/);
  assert.equal(commands.at(-1), "systemctl restart 'worker@*.service'");
});

test('an instance is a workload with a unit, because its name is none of a workload', () => {
  const { config, commands } = steps('worker@1.container');
  assert.match(config ?? '', /^workloads:\n {2}NAME:\n {4}unit: "worker@1\.container"\n/);
  assert.equal(commands.at(-1), 'systemctl restart worker@1.service');
});

test('in user scope the commands are those of the user', () => {
  const names = unitNames('app.container', undefined, USER);
  assert.deepEqual(steps('app.container', { names }).commands.slice(1), [
    'systemctl --user daemon-reload',
    'systemctl --user restart app.service',
  ]);
});

test('words that YAML reads as something else are quoted', () => {
  assert.match(
    steps('app.container', { project: 'true', path: '/a b' }).config ?? '',
    /project: "true", path: "\/a b"/,
  );
  assert.match(steps('app.container', { others: true, keys: ['A', 'NO'] }).config ?? '', /include: \[A, "NO"\]/);
});

test('the provider is named where there are several', () => {
  const other = { name: 'x', provider: 'second', unit: 'x.container', dependsOn: [], secrets: [] };
  assert.match(steps('app.container', { workloads: [other] }).config ?? '', /\n {4}provider: infisical\n/);
});

test('a folder without the imported keys is no source for them', () => {
  const spec = { project: 'main', path: '/app', recursive: false, include: ['B'], exclude: [], prefix: '' } as const;
  const known = { name: 'app', provider: 'infisical', unit: 'app.container', dependsOn: [] };
  const config = (more: object): string | undefined =>
    steps('app.container', {
      workloads: [{ ...known, secrets: [{ ...spec, as: 'env', mode: undefined, allowEmpty: false, ...more }] }],
    }).config;
  assert.match(config({}) ?? '', /one more source/);
  assert.match(config({ include: [], prefix: 'X_' }) ?? '', /one more source/);
  assert.equal(config({ include: ['A', 'B'] }), undefined);
});

test('where the workload pattern gives what was imported, the config needs nothing', () => {
  const spec = { project: 'main', recursive: false, include: [], exclude: [], prefix: '', as: 'env' } as const;
  const source = { ...spec, path: '/{workload}', mode: undefined, allowEmpty: false };
  const pattern = { provider: 'infisical', dependsOn: [], secrets: [source] };
  assert.equal(steps('app.container', { pattern }).config, undefined);
  assert.equal(steps('app@.container', { pattern }).config, undefined);
  const named = { name: 'app', provider: 'infisical', unit: 'x.container', dependsOn: [], secrets: [] };
  for (const over of [{ path: '/other' }, { provider: 'second' }, { workloads: [named] }]) {
    assert.match(steps('app.container', { pattern, ...over }).config ?? '', /^workloads:/);
  }
  assert.match(steps('a.b.container', { pattern, path: '/a.b' }).config ?? '', /^workloads:/);
});
