// Cross checks of `tls.certificates`: project, dates, and files that would overwrite each other.

import { mapOf, projectCheck, samePlace } from './check-parts.ts';
import type { Plain } from './check-parts.ts';
import { CERTIFICATE_DEFAULTS } from '../assemble/defaults.ts';
import { parseDuration } from '../schema/duration.ts';
import type { Finding, Path } from './finding.ts';

export function certificateChecks(infisical: Plain, at: Path): readonly Finding[] {
  const certificates = mapOf(mapOf(infisical['tls'])['certificates']);
  const projects = Object.keys(mapOf(infisical['projects']));
  const path = [...at, 'tls', 'certificates'];
  const outputs = Object.keys(certificates).flatMap((name) =>
    ['cert', 'key', 'chain', 'ca'].map((file) => [name, 'output', file]),
  );
  return [
    ...samePlace(certificates, outputs, path),
    ...Object.entries(certificates).flatMap(([name, given]) => {
      const certificate = mapOf(given);
      return [
        ...projectCheck(certificate['project'], projects, [...path, name, 'project']),
        ...datesCheck(certificate, [...path, name]),
      ];
    }),
  ];
}

function datesCheck(certificate: Plain, path: Path): readonly Finding[] {
  const ttl = parseDuration(certificate['ttl'] ?? CERTIFICATE_DEFAULTS.ttl);
  const before = parseDuration(certificate['renew_before'] ?? CERTIFICATE_DEFAULTS.renewBefore);
  if (ttl === undefined || before === undefined || before < ttl) return [];
  const key = certificate['renew_before'] === undefined ? 'ttl' : 'renew_before';
  const expected = 'renew_before shorter than ttl';
  return [
    { code: 'RENEW_TOO_EARLY', path: [...path, key], expected, got: 'renewal due before the certificate is issued' },
  ];
}
