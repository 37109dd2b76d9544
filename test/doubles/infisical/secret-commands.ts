// Turns the bodies of create, update, delete and their batches into writes, for v4 and v3/raw alike.
// With the approvals knob on, every write is answered 200 with an approval and nothing is stored.
import { randomUUID } from 'node:crypto';
import { ApiFailure } from './errors.ts';
import { renderItem } from './item.ts';
import { secretPathOf } from './secret-queries.ts';
import type { Fields } from './fields.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { Shape } from './item.ts';
import type { SecretMetadata, StoredSecret } from './model.ts';
import type { Dialect } from './secret-queries.ts';
import type { SecretFields } from './state.ts';
import type { WriteItem, WriteTarget, Written } from './writing.ts';

export function answerCreate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const { body } = call;
  const key = call.param('secretName');
  const target = writeTarget(machine, call, dialect);
  const value = body.text('secretValue');
  const fields = { ...secretFields(body), value };
  refuseBadName(machine, body, key, 'secretName');
  const type = body.oneOf('type', ['shared', 'personal'], 'shared');
  body.check();
  machine.writer.refusePersonal(type);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secret: render(machine, machine.writer.create(target, [{ key, fields }], 'single'), 'made')[0] };
}

export function answerUpdate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const { body } = call;
  const target = writeTarget(machine, call, dialect);
  const newKey = body.optionalText('newSecretName')?.trim();
  if (newKey !== undefined) refuseBadName(machine, body, newKey, 'newSecretName');
  const item = { key: call.param('secretName'), newKey, fields: secretFields(body) };
  const type = body.oneOf('type', ['shared', 'personal'], 'shared');
  body.check();
  machine.writer.refusePersonal(type);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secret: render(machine, machine.writer.update(target, [item], 'failOnNotFound', 'single'), 'changed')[0] };
}

export function answerDelete(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = writeTarget(machine, call, dialect);
  call.body.check();
  if (machine.knobs.values.approvals) return approvalAnswer();
  const removed = machine.writer.remove(target, [call.param('secretName')], 'single');
  return { secret: render(machine, removed, 'changed')[0] };
}

export function answerBatchCreate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = batchTarget(machine, call, dialect);
  const items = batchItems(machine, call.body, true);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secrets: render(machine, machine.writer.create(target, items, 'batch'), 'made') };
}

export function answerBatchUpdate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = batchTarget(machine, call, dialect);
  const { body } = call;
  // The July 2024 server does not know the field.
  const mode = machine.traits.upserts
    ? body.oneOf('mode', ['failOnNotFound', 'upsert', 'ignore'], 'failOnNotFound')
    : 'failOnNotFound';
  const items = batchItems(machine, call.body, false);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secrets: render(machine, machine.writer.update(target, items, mode, 'batch'), 'changed') };
}

export function answerBatchDelete(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = batchTarget(machine, call, dialect);
  const keys = batchItems(machine, call.body, false).map(({ key }) => key);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secrets: render(machine, machine.writer.remove(target, keys, 'batch'), 'changed') };
}

function writeTarget(machine: Machine, { body, identity }: AuthedCall, dialect: Dialect): WriteTarget {
  const projectId = body.text(dialect.projectField);
  const environment = body.text('environment');
  return { identity, projectId, environment, path: secretPathOf(machine, body) };
}

/** The batch routes of v3 name the project by slug, in July 2024 by nothing else. */
function batchTarget(machine: Machine, call: AuthedCall, dialect: Dialect): WriteTarget {
  if (dialect.projectField === 'projectId') return writeTarget(machine, call, dialect);
  const { body, identity } = call;
  const bySlug = machine.traits.v3Batch === 'slug';
  const slug = bySlug ? body.text('projectSlug') : body.optionalText('projectSlug');
  const id = bySlug ? undefined : body.optionalText('workspaceId');
  const environment = body.text('environment');
  const path = secretPathOf(machine, body);
  body.check();
  return { identity, projectId: id ?? projectIdOf(machine, slug), environment, path };
}

function projectIdOf(machine: Machine, slug: string | undefined): string {
  if (machine.traits.v3Batch === 'slug') return machine.state.projectBySlug(slug ?? '')?.id ?? '';
  // Seen on June 2025 (row 23).
  if (slug === undefined) throw new ApiFailure('bad-request', 'Must provide either project slug or projectId');
  const id = machine.state.projectBySlug(slug)?.id;
  if (id === undefined) throw new ApiFailure('not-found', `Project with slug '${slug}' not found`);
  return id;
}

function batchItems(machine: Machine, body: Fields, creating: boolean): readonly WriteItem[] {
  const list = body.items('secrets');
  if (list.length === 0) body.refuse('secrets', 'Array must contain at least 1 element(s)');
  const items = list.map((item) => {
    const key = item.text('secretKey').trim();
    if (creating) refuseBadName(machine, item, key, 'secretKey');
    if (creating) item.text('secretValue');
    const newKey = item.optionalText('newSecretName')?.trim();
    return { key, newKey, fields: secretFields(item) };
  });
  body.check();
  return items;
}

function secretFields(source: Fields): Partial<SecretFields> {
  const value = source.optionalText('secretValue');
  const comment = source.optionalText('secretComment');
  const skipMultilineEncoding = source.optionalBoolean('skipMultilineEncoding');
  const metadata = source.has('secretMetadata') ? source.items('secretMetadata').map(metadataOf) : undefined;
  return { ...(value !== undefined && { value }), comment, skipMultilineEncoding, metadata };
}

function metadataOf(item: Fields): SecretMetadata {
  return {
    key: item.text('key'),
    value: item.text('value'),
    isEncrypted: item.optionalBoolean('isEncrypted') ?? false,
  };
}

function refuseBadName(machine: Machine, body: Fields, key: string, field: string): void {
  // Updates and reads accept any name, and the July 2024 server had no rule at all.
  const { nameRules } = machine.traits;
  if (nameRules === 'none') return;
  if (key === '') body.refuse(field, 'String must contain at least 1 character(s)', { code: 'too_small', minimum: 1 });
  // Each rule has its own message: seen on June 2025 (rows 18, 19), whose rule for blanks is gone since.
  if (nameRules === 'no blanks' && key.includes(' ')) body.refuse(field, 'Secret name cannot contain spaces.');
  if (key.includes(':')) body.refuse(field, 'Secret name cannot contain colon.');
  if (key.includes('/')) body.refuse(field, 'Secret name cannot contain forward slash.');
}

function render({ traits }: Machine, { place, secrets }: Written, shape: Shape): readonly object[] {
  return secrets.map((secret: StoredSecret) => renderItem({ place, secret, value: secret.value, shape, traits }));
}

function approvalAnswer(): object {
  const id = randomUUID();
  const time = new Date().toISOString();
  const common = { id, policyId: randomUUID(), status: 'open', hasMerged: false, slug: `request-${id.slice(0, 8)}` };
  return { approval: { ...common, folderId: randomUUID(), conflicts: null, createdAt: time, updatedAt: time } };
}
