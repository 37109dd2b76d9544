// `tls/{name}.json`, byte for byte (docs/formats.md), and what the Python PSI kept under the same name. Dates are ISO texts.

import type {
  CertificateProblem,
  CertificateState,
  OwnCertificate,
  PendingRequest,
} from '../../certificates/certificate.ts';
import { newerThan } from '../../core/newer-format.ts';
import { isoTime } from '../../core/time.ts';
import { NO_STATE, serialOf } from '../../certificates/certificate.ts';

/** A newer one is no state that this version may do without: an order may be under way in it. */
export const STATE_VERSION = 1;

type Plain = Readonly<Record<string, unknown>>;

export function encodeState(state: CertificateState): string {
  const { asked, certificate, request, owedHooks, problem } = state;
  return `${JSON.stringify(
    {
      version: STATE_VERSION,
      asked: asked ?? null,
      certificate: certificate
        ? {
            id: certificate.id,
            serial: certificate.serial,
            notBefore: isoTime(certificate.notBefore),
            notAfter: isoTime(certificate.notAfter),
            ...(certificate.obtainedAt !== undefined && { obtainedAt: isoTime(certificate.obtainedAt) }),
          }
        : null,
      request: request
        ? {
            id: request.requestId ?? null,
            certificateId: request.certificateId ?? null,
            asked: request.asked,
            status: request.status,
            since: isoTime(request.since),
          }
        : null,
      owedHooks,
      problem: problem
        ? { at: isoTime(problem.at), code: problem.code, message: problem.message, hint: problem.hint ?? null }
        : null,
    },
    undefined,
    2,
  )}\n`;
}

/** The version of a state that a newer PSI wrote; undefined: it is none. */
export function newerStateVersion(text: string): number | undefined {
  return newerThan(STATE_VERSION, recordOf(parse(text))?.['version']);
}

/** Undefined: no state that this version knows. */
export function decodeState(text: string): CertificateState | undefined {
  const given = recordOf(parse(text));
  if (!given) return undefined;
  if (given['version'] === undefined) return decodePython(given);
  if (given['version'] !== STATE_VERSION) return undefined;
  return {
    asked: textOf(given['asked']),
    certificate: decodeCertificate(recordOf(given['certificate'])),
    request: decodeRequest(recordOf(given['request'])),
    owedHooks: decodeHooks(given['owedHooks']),
    problem: decodeProblem(recordOf(given['problem'])),
  };
}

/** Its expiry is a guess of its own; it counts until the leaf on disk has been read. */
function decodePython(given: Plain): CertificateState | undefined {
  const id = textOf(given['certificate_id']);
  const serial = textOf(given['serial_number']);
  const [from, to] = [given['issued_at'], given['expires_at']];
  if (id === undefined || typeof from !== 'number' || typeof to !== 'number') return undefined;
  const certificate = { id, serial: serialOf(serial ?? ''), notBefore: from * 1000, notAfter: to * 1000 };
  return { ...NO_STATE, certificate };
}

function decodeCertificate(given: Plain | undefined): OwnCertificate | undefined {
  const [id, serial] = [textOf(given?.['id']), textOf(given?.['serial'])];
  const [notBefore, notAfter] = [timeOf(given?.['notBefore']), timeOf(given?.['notAfter'])];
  if (id === undefined || serial === undefined || notBefore === undefined || notAfter === undefined) return undefined;
  const obtainedAt = timeOf(given?.['obtainedAt']);
  return { id, serial, notBefore, notAfter, ...(obtainedAt !== undefined && { obtainedAt }) };
}

function decodeRequest(given: Plain | undefined): PendingRequest | undefined {
  const [asked, status, since] = [textOf(given?.['asked']), textOf(given?.['status']), timeOf(given?.['since'])];
  const [requestId, certificateId] = [textOf(given?.['id']), textOf(given?.['certificateId'])];
  if (asked === undefined || status === undefined || since === undefined) return undefined;
  return { asked, status, since, requestId, certificateId };
}

function decodeHooks(given: unknown): readonly (readonly string[])[] {
  if (!Array.isArray(given)) return [];
  return given.filter(
    (hook): hook is string[] => Array.isArray(hook) && hook.every((part) => typeof part === 'string'),
  );
}

function decodeProblem(given: Plain | undefined): CertificateProblem | undefined {
  const [at, code, message] = [timeOf(given?.['at']), textOf(given?.['code']), textOf(given?.['message'])];
  if (at === undefined || code === undefined || message === undefined) return undefined;
  return { at, code, message, hint: textOf(given?.['hint']) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Plain | undefined {
  return typeof value === 'object' && value !== null ? (value as Plain) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(time) ? undefined : time;
}
