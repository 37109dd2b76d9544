import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  authorityOf,
  certificatesOf,
  inEnvironment,
  providerOfCertificates,
  providerOfProject,
  writerOf,
} from '../../../src/provider/choice.ts';
import type { CertificateConfig, ProviderConfig } from '../../../src/provider/provider.ts';
import { WORDS } from '../../fakes/provider.fake.ts';

const CERTIFICATE: CertificateConfig = {
  project: 'main',
  profileId: 'profile',
  applicationId: undefined,
  commonName: 'web.example.com',
  altNames: [],
  ttlMs: 0,
  renewBeforeMs: 0,
  keyAlgorithm: undefined,
  signatureAlgorithm: undefined,
  keyUsages: [],
  extendedKeyUsages: [],
  removeRoots: false,
  output: { cert: '/c', key: '/k', chain: '/h', ca: undefined, mode: '0640' },
  hooks: [],
};

type Named = ProviderConfig & { readonly label: string };

const provider = (label: string, over: Partial<ProviderConfig> = {}): Named => ({
  kind: 'some',
  label,
  projects: new Map([[`project of ${label}`, { environment: 'prod' }]]),
  certificates: undefined,
  ...over,
});
const configured = (...providers: readonly Named[]) => ({
  file: '/etc/psi/config.yaml',
  providers: new Map(providers.map((one) => [one.label, one])),
});
const withCertificates = (...names: readonly string[]): Partial<ProviderConfig> => ({
  certificates: new Map(names.map((name) => [name, CERTIFICATE])),
});

test('a project is found at the provider that has it, and an unknown one is refused with those that are known', () => {
  const both = configured(provider('a'), provider('b'));
  assert.equal(providerOfProject(both, 'project of b').name, 'b');
  assert.throws(() => providerOfProject(both, 'other'), {
    code: 'NOT_FOUND',
    message: 'the project other is not in /etc/psi/config.yaml',
    hint: 'use one of: project of a, project of b',
  });
  assert.throws(() => providerOfProject(configured(), 'other'), { hint: /add it under `projects`/ });
});

test('a project that two providers have is refused with the names of both', () => {
  const shared = { projects: new Map([['main', { environment: 'prod' }]]) };
  const two = configured(provider('a', shared), provider('b', shared));
  assert.throws(() => providerOfProject(two, 'main'), { code: 'USAGE', message: /have a project main: a, b$/ });
});

test('another environment changes that of the one project, and nothing else of the provider', () => {
  const one = provider('a');
  const moved = inEnvironment(one, 'project of a', 'dev');
  assert.deepEqual([...moved.projects], [['project of a', { environment: 'dev' }]]);
  assert.equal(moved.label, 'a');
  assert.equal(inEnvironment(one, 'project of a', undefined), one);
  assert.equal(inEnvironment(one, 'other', 'dev'), one);
});

test('certificates are those of the one provider that has any', () => {
  const empty = provider('empty', withCertificates());
  const having = provider('having', withCertificates('web'));
  assert.equal(providerOfCertificates(configured(provider('unable'), empty, having)).name, 'having');
  assert.deepEqual(
    certificatesOf(having).map(({ name }) => name),
    ['web'],
  );
  assert.deepEqual(certificatesOf(provider('unable')), []);
});

test('where no provider has certificates, one that could have some is taken', () => {
  assert.equal(providerOfCertificates(configured(provider('x'), provider('empty', withCertificates()))).name, 'empty');
  assert.throws(() => providerOfCertificates(configured(provider('unable'))), {
    code: 'CONFIG_INVALID',
    message: '/etc/psi/config.yaml: there is no provider that issues certificates',
  });
});

test('certificates under two providers are refused with the names of both', () => {
  const two = configured(provider('a', withCertificates('web')), provider('b', withCertificates('mail')));
  assert.throws(() => providerOfCertificates(two), { code: 'CONFIG_INVALID', message: /have certificates: a, b$/ });
});

test('what a provider cannot do is refused in its own words', () => {
  const poor = { words: WORDS, writer: undefined, authority: undefined };
  assert.throws(() => writerOf(poor), { code: 'USAGE', message: 'psi only reads from vault' });
  assert.throws(() => authorityOf(poor), { code: 'CONFIG_INVALID', message: 'vault issues no certificates' });
});
