// The certificate manager over HTTP. Issue nests its answer and renew does not, as on the server.
import type { Express } from 'express';
import { isMember } from './access.ts';
import { ApiFailure } from './errors.ts';
import { Fields, isRecord } from './fields.ts';
import { authed } from './gate.ts';
import { KEY_ALGORITHMS } from './pki-authority.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { PkiDenial } from './pki-knobs.ts';
import type { StoredCertificate, StoredRequest, Wish } from './pki.ts';

/** Read in Infisical's source of 2026 (row 37): ids are checked by the schema, and PEM texts end without a newline. */
const BASE = '/api/v1/cert-manager/certificates';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MS = { d: 86_400_000, h: 3_600_000, m: 60_000 } as const;

export function addCertificateRoutes(app: Express, machine: Machine): void {
  app.post(BASE, ...authed(machine, 'write', (call) => issue(machine, call)));
  app.get(`${BASE}/certificate-requests/:requestId`, ...authed(machine, 'read', (call) => showRequest(machine, call)));
  app.post(`${BASE}/:id/renew`, ...authed(machine, 'write', (call) => renew(machine, call)));
  app.get(`${BASE}/:id`, ...authed(machine, 'read', (call) => show(machine, call)));
  app.get(`${BASE}/:id/bundle`, ...authed(machine, 'read', (call) => bundle(machine, call)));
}

function issue(machine: Machine, call: AuthedCall): object {
  const { body } = call;
  const profileId = body.text('profileId');
  if (!UUID.test(profileId)) body.refuse('profileId', 'Invalid uuid', { validation: 'uuid', code: 'invalid_string' });
  const removeRoots = body.optionalBoolean('removeRootsFromChain') ?? false;
  const wish = wishOf(body, removeRoots);
  body.check();
  const profile = machine.pki.profiles.get(profileId);
  if (profile === undefined) {
    throw new ApiFailure('not-found', `Certificate profile with ID '${profileId}' not found`);
  }
  requireRight(machine, call, profile.project, 'issue-cert');
  const { policy } = machine.pki.knobs;
  if (policy !== '') throw new ApiFailure('bad-request', policy);
  const request = machine.pki.order(profile.project, wish);
  const { certificate } = request;
  return {
    certificate: certificate ? issued(machine, certificate) : null,
    certificateRequestId: request.id,
    status: statusOf(machine, request),
    ...(certificate ? {} : { message: 'Certificate request submitted' }),
  };
}

function renew(machine: Machine, call: AuthedCall): object {
  const id = uuidOf(call, 'id');
  requireRight(machine, call, machine.pki.find(id).project, 'issue-cert');
  const request = machine.pki.renew(id);
  const { certificate } = request;
  if (certificate) return { ...issued(machine, certificate), certificateRequestId: request.id };
  // The id is that of an order, good for nothing.
  const texts = { certificate: '', certificateChain: '', issuingCaCertificate: '', serialNumber: '' };
  return { ...texts, certificateId: request.id.replace(/^.{8}/, '00000000'), certificateRequestId: request.id };
}

function showRequest(machine: Machine, call: AuthedCall): object {
  const request = machine.pki.findRequest(uuidOf(call, 'requestId'));
  requireRight(machine, call, request.project, 'read');
  machine.pki.look(request);
  const { certificate } = request;
  const { errorMessage } = machine.pki.knobs;
  const failed = request.status === 'failed' || request.status === 'rejected';
  return {
    status: statusOf(machine, request),
    certificate: certificate?.certificate.trim() ?? null,
    certificateId: certificate?.id ?? null,
    serialNumber: certificate?.serialNumber ?? null,
    // No chain here.
    privateKey: certificate && !denied(machine, 'read-private-key') ? certificate.privateKey.trim() : null,
    errorMessage: failed ? errorMessage : null,
    pendingMessage: null,
    commonName: request.wish.commonName,
  };
}

function show(machine: Machine, call: AuthedCall): object {
  const found = machine.pki.find(uuidOf(call, 'id'));
  requireRight(machine, call, found.project, 'read');
  const { id, notBefore, notAfter, serialNumber, wish, revoked, renewedAs } = found;
  const status = revoked ? 'revoked' : machine.pki.isExpired(found) ? 'expired' : 'active';
  return {
    certificate: {
      ...{ id, status, serialNumber, commonName: wish.commonName, hasPrivateKey: true },
      notBefore: new Date(notBefore).toISOString(),
      notAfter: new Date(notAfter).toISOString(),
      ...(machine.pki.knobs.showsRenewals ? { latestRenewalCertificateId: renewedAs ?? null } : {}),
    },
  };
}

function bundle(machine: Machine, call: AuthedCall): object {
  const found = machine.pki.find(uuidOf(call, 'id'));
  requireRight(machine, call, found.project, 'read');
  const { serialNumber } = found;
  const certificate = found.certificate.trim();
  const privateKey = denied(machine, 'read-private-key') ? null : found.privateKey.trim();
  return { certificate, certificateChain: chainOf(machine, found), privateKey, serialNumber };
}

function issued(machine: Machine, stored: StoredCertificate): object {
  const { id, certificate, privateKey, serialNumber } = stored;
  return {
    certificate: certificate.trim(),
    certificateChain: chainOf(machine, stored),
    issuingCaCertificate: machine.pki.authority.issuer.trim(),
    ...(denied(machine, 'read-private-key') ? {} : { privateKey: privateKey.trim() }),
    ...{ serialNumber, certificateId: id },
  };
}

function chainOf({ pki }: Machine, { wish }: StoredCertificate): string {
  const { issuer, root } = pki.authority;
  return (wish.removeRoots ? issuer : `${issuer}${root}`).trim();
}

function uuidOf(call: AuthedCall, name: string): string {
  const id = call.param(name);
  const params = new Fields({});
  if (!UUID.test(id)) params.refuse(name, 'Invalid uuid', { validation: 'uuid', code: 'invalid_string' });
  params.check();
  return id;
}

function statusOf({ pki }: Machine, { status, first }: StoredRequest): string {
  return status === first && pki.knobs.status !== '' ? pki.knobs.status : status;
}

function denied({ pki }: Machine, right: PkiDenial): boolean {
  return pki.knobs.deny.includes(right);
}

function requireRight(machine: Machine, { identity }: AuthedCall, projectId: string, right: PkiDenial): void {
  const project = machine.state.projects.get(projectId);
  if (project === undefined || !isMember(identity, project)) {
    throw new ApiFailure('forbidden', `Identity is not a member of project with ID '${projectId}'`);
  }
  if (!denied(machine, right)) return;
  const subject = right === 'issue-cert' ? 'certificate-profiles' : 'certificates';
  throw new ApiFailure('permission', `You are not allowed to ${right} on ${subject}`);
}

function wishOf(body: Fields, removeRoots: boolean): Wish {
  const source: unknown = body.record('attributes');
  const attributes = new Fields(source);
  const list = (name: string): readonly string[] => {
    const value = isRecord(source) ? source[name] : undefined;
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
  };
  const keyAlgorithm = attributes.optionalText('keyAlgorithm') ?? 'EC_prime256v1';
  if (!KEY_ALGORITHMS.includes(keyAlgorithm)) body.refuse('attributes.keyAlgorithm', 'Invalid enum value');
  const ttl = /^(\d+)([dhm])$/.exec(attributes.optionalText('ttl') ?? '');
  if (!ttl) body.refuse('attributes.ttl', 'Invalid TTL');
  const altNames = attributes.has('altNames') ? attributes.items('altNames') : [];
  return {
    commonName: attributes.text('commonName'),
    altNames: altNames.map((name) => ({ type: name.text('type'), value: name.text('value') })),
    keyAlgorithm,
    digest: (/SHA(\d+)$/.exec(attributes.optionalText('signatureAlgorithm') ?? '')?.[1] ?? '256').replace(/^/, 'sha'),
    keyUsages: list('keyUsages'),
    extendedKeyUsages: list('extendedKeyUsages'),
    ttlMs: Number(ttl?.[1] ?? 0) * MS[unitOf(ttl?.[2])],
    removeRoots,
  };
}

function unitOf(text: string | undefined): keyof typeof MS {
  return text === 'd' || text === 'h' ? text : 'm';
}
