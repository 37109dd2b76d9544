// What depends on two places of the file at once. Works on the plain values as they were read, so that these problems are reported
// together with those of single fields; what has the wrong type is passed over here, because its own field reports it.

import { isEnvName } from '../../core/naming.ts';
import { listOr, mapOf, projectCheck, samePlace } from './check-parts.ts';
import type { Plain } from './check-parts.ts';
import { certificateChecks } from './certificate-checks.ts';
import { isPlainHttp } from '../schema/url-fields.ts';
import { prefix as prefixLeaf } from '../schema/name-fields.ts';
import type { Finding, Path } from './finding.ts';
import { suggest } from './hints.ts';
import { isRecord } from '../schema/shape.ts';

export function crossChecks(value: unknown): readonly Finding[] {
  const root = mapOf(value);
  return [
    ...providerChecks(mapOf(root['providers'])),
    // A `providers` of the wrong type is one problem, not one for each workload.
    ...(isRecord(root['providers'] ?? {}) ? workloadChecks(mapOf(root['workloads']), mapOf(root['providers'])) : []),
    ...cacheChecks(mapOf(root['cache'])),
    ...samePlace(root, [['socket'], ['control_socket']]),
  ];
}

function providerChecks(providers: Plain): readonly Finding[] {
  const infisical = mapOf(providers['infisical']);
  const at: Path = ['providers', 'infisical'];
  const findings: Finding[] = [...certificateChecks(infisical, at)];
  const url = infisical['api_url'];
  if (typeof url === 'string' && isPlainHttp(url) && infisical['allow_http'] !== true) {
    findings.push({
      code: 'INSECURE_URL',
      path: [...at, 'api_url'],
      expected: 'https URL',
      got: 'http to another host',
    });
  }
  if (infisical['auth'] === undefined) {
    for (const [alias, project] of Object.entries(mapOf(infisical['projects']))) {
      if (!isRecord(project) || project['auth'] !== undefined) continue;
      const path = [...at, 'projects', alias];
      findings.push({ code: 'NO_AUTH', path, atKey: true, expected: 'auth, here or for all projects', got: 'neither' });
    }
  }
  return findings;
}

function workloadChecks(workloads: Plain, providers: Plain): readonly Finding[] {
  const findings: Finding[] = [];
  const units = new Map<string, string>();
  for (const [name, given] of Object.entries(workloads)) {
    const path = ['workloads', name];
    if (!isRecord(given)) continue;
    const unit = given['unit'] ?? `${name}.container`;
    if (typeof unit === 'string') {
      const other = units.get(unit);
      const at = given['unit'] === undefined ? path : [...path, 'unit'];
      if (other !== undefined) {
        findings.push({
          code: 'UNIT_TAKEN',
          path: at,
          expected: 'a unit of its own',
          got: `${unit}, which is the unit of ${other}`,
        });
      } else units.set(unit, name);
    }
    const configured = Object.keys(providers).filter((key) => key === 'infisical');
    const provider = providerOf(given, configured);
    // One that is configured and not supported is reported where it is configured.
    if (provider === undefined && !Object.hasOwn(providers, String(given['provider']))) {
      const key = given['provider'] === undefined ? [] : ['provider'];
      const actual = given['provider'];
      findings.push({
        code: 'UNKNOWN_PROVIDER',
        path: [...path, ...key],
        expected: listOr(configured, 'a provider under providers'),
        ...(actual === undefined ? { got: 'no provider' } : { actual, visible: true }),
        suggestion: typeof actual === 'string' ? suggest(actual, configured) : undefined,
      });
    }
    const projects = provider === undefined ? undefined : Object.keys(mapOf(mapOf(providers[provider])['projects']));
    findings.push(...sourceChecks(given['secrets'], [...path, 'secrets'], projects));
  }
  return findings;
}

/** The provider's name if it is configured; without one the only provider there is. */
function providerOf(workload: Plain, names: readonly string[]): string | undefined {
  const given = workload['provider'];
  if (given === undefined) return names.length === 1 ? names[0] : undefined;
  return names.find((name) => name === given);
}

function sourceChecks(secrets: unknown, path: Path, projects: readonly string[] | undefined): readonly Finding[] {
  if (!Array.isArray(secrets)) return [];
  return (secrets as readonly unknown[]).flatMap((given, index) => {
    const source = mapOf(given);
    const at = [...path, index];
    const findings: Finding[] = [];
    if (projects !== undefined) findings.push(...projectCheck(source['project'], projects, [...at, 'project']));
    if (source['mode'] !== undefined && source['as'] !== 'mount') {
      findings.push({
        code: 'MODE_WITHOUT_MOUNT',
        path: [...at, 'mode'],
        expected: 'mode only with as: mount',
        got: 'mode of a variable',
      });
    }
    const prefix = source['prefix'];
    if (
      typeof prefix === 'string' &&
      prefix !== '' &&
      source['as'] !== 'mount' &&
      prefixLeaf.is(prefix) &&
      !isEnvName(prefix)
    ) {
      const expected = 'beginning of a variable name such as SHARED_';
      findings.push({ code: 'BAD_PREFIX', path: [...at, 'prefix'], expected, actual: prefix, visible: true });
    }
    return findings;
  });
}

function cacheChecks(cache: Plain): readonly Finding[] {
  if (cache['backend'] !== 'hsm' || cache['hsm'] !== undefined) return [];
  return [
    { code: 'HSM_MISSING', path: ['cache', 'hsm'], expected: 'key "hsm": the PKCS#11 module', got: 'no such key' },
  ];
}
