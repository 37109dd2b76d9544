// Infisical's certificate manager as a CertificateAuthority. Orders and renewals go out once: an answer that was lost may have been one.

import { SecretValue } from '../../core/secret-value.ts';
import type {
  CertificateAuthority,
  CertificateMaterial,
  RequestAnswer,
} from '../../certificates/certificate-authority.ts';
import type { ServerAnswer, ApiRequest } from './api.ts';
import { refusedCertificate } from './certificate-errors.ts';
import { bundleRequest, issueRequest, lookRequest, renewRequest, statusRequest } from './certificate-requests.ts';
import { decodeBundle, decodeOrdered, decodeRecorded, decodeRenewed, decodeRequested } from './codec.ts';
import type { Requested } from './codec.ts';
import type { Connection } from './connection.ts';
import { noAnswer } from './errors.ts';
import { faultOf, type Fault } from './fault.ts';
import { INFISICAL_WORDS } from './provider-words.ts';
import { oneLine } from './words.ts';

/** What a renewal is refused with that only a new certificate helps against; other reasons would refuse that one too. */
const GONE = /already (?:been )?renewed|\bexpired\b|\brevoked\b|\bnot active\b/i;

export function createCertificateAuthority(connection: Connection): CertificateAuthority {
  const ask = async (
    project: string,
    request: ApiRequest,
    what: string,
    signal: AbortSignal,
    expected: (fault: Fault) => boolean,
  ): Promise<ServerAnswer | undefined> => {
    const answer = await connection.call(project, request, signal);
    const fault = faultOf(answer);
    if (!fault) return answer;
    if (expected(fault)) return undefined;
    throw refusedCertificate(fault, `${what} (project ${project})`, connection.context());
  };
  const isUnknown = (fault: Fault): boolean => fault.kind === 'missing';
  const isGone = (fault: Fault): boolean =>
    isUnknown(fault) || (fault.kind === 'other' && GONE.test(fault.refusal?.message ?? ''));
  const read = <T>(answer: ServerAnswer, decode: (body: string) => T | undefined, what: string): T => {
    const decoded = decode(answer.body);
    if (decoded === undefined) throw noAnswer(what, answer, connection.context());
    return decoded;
  };

  return {
    words: INFISICAL_WORDS,
    clockAhead: connection.clockAhead,
    issue: async (wanted, signal) => {
      const what = `the order of ${wanted.name}`;
      const answer = await connection.call(wanted.project, issueRequest(wanted), signal);
      const fault = faultOf(answer);
      if (fault) {
        const order = `to issue ${wanted.commonName} (project ${wanted.project})`;
        throw refusedCertificate(fault, order, connection.context());
      }
      const ordered = read(answer, decodeOrdered, what);
      const issued = ordered.certificate;
      if (issued && issued.certificate !== '') {
        return { kind: 'issued', certificateId: issued.certificateId, material: materialOf(issued) };
      }
      const requestId = ordered.certificateRequestId ?? issued?.certificateRequestId;
      if (!requestId) throw noAnswer(what, answer, connection.context());
      return { kind: 'pending', requestId, status: statusWord(ordered.status) };
    },
    renew: async (wanted, id, signal) => {
      const what = `the renewal of ${wanted.name}`;
      const request = renewRequest(id, wanted.removeRoots);
      const answer = await ask(wanted.project, request, `to renew ${wanted.commonName}`, signal, isGone);
      if (!answer) return { kind: 'gone' };
      const renewed = read(answer, decodeRenewed, what);
      if (renewed.certificate !== '') {
        return { kind: 'issued', certificateId: renewed.certificateId, material: materialOf(renewed) };
      }
      // The certificate's id is none yet here, but that of an order.
      if (!renewed.certificateRequestId) throw noAnswer(what, answer, connection.context());
      return { kind: 'pending', requestId: renewed.certificateRequestId, status: 'pending' };
    },
    inspect: async (project, id, signal) => {
      const answer = await ask(project, lookRequest(id), 'to look at a certificate', signal, isUnknown);
      if (!answer) return undefined;
      const record = read(answer, decodeRecorded, 'the look at a certificate');
      return {
        active: (record.status ?? 'active').toLowerCase() === 'active',
        notBefore: timeOf(record.notBefore),
        notAfter: timeOf(record.notAfter),
        renewedAs: record.latestRenewalCertificateId || undefined,
      };
    },
    request: async (project, requestId, signal) => {
      const what = 'to look at a certificate request';
      const answer = await ask(project, statusRequest(requestId), what, signal, isUnknown);
      return answer ? requestAnswer(read(answer, decodeRequested, what)) : { kind: 'unknown' };
    },
    fetch: async (project, id, signal) => {
      const answer = await ask(project, bundleRequest(id), 'to read a certificate with its key', signal, isUnknown);
      return answer && materialOf(read(answer, decodeBundle, 'the reading of a certificate'));
    },
  };
}

type Texts = {
  readonly certificate: string;
  readonly certificateChain?: string | null | undefined;
  readonly issuingCaCertificate?: string | null | undefined;
  readonly privateKey?: string | null | undefined;
};

function materialOf({ certificate, certificateChain, issuingCaCertificate, privateKey }: Texts): CertificateMaterial {
  return {
    certificate,
    chain: certificateChain ?? '',
    ca: issuingCaCertificate || undefined,
    key: privateKey ? SecretValue.fromText(privateKey) : undefined,
  };
}

/** A status that this version does not know is one on the way. */
function requestAnswer({ status, certificateId, errorMessage }: Requested): RequestAnswer {
  const word = statusWord(status);
  if (word === 'issued' && certificateId) return { kind: 'issued', certificateId };
  if (word === 'failed' || word === 'rejected') {
    return { kind: word, reason: errorMessage ? oneLine(errorMessage) : 'it gives no reason' };
  }
  return { kind: 'pending', status: word === 'issued' ? 'pending' : word };
}

function statusWord(status: string | null | undefined): string {
  return /^\w{1,40}$/.exec(status ?? '')?.[0].toLowerCase() ?? 'pending';
}

function timeOf(text: string | null | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : time;
}
