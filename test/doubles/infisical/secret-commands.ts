// Turns the bodies of create, update, delete and their batches into writes, for v4 and v3/raw alike.
// With the approvals knob on, every write is answered 200 with an approval and nothing is stored.
import { randomUUID } from 'node:crypto';
import { renderItem } from './item.ts';
import { normalisePath } from './paths.ts';
import type { Fields } from './fields.ts';
import type { AuthedCall, Machine } from './gate.ts';
import type { SecretMetadata, StoredSecret } from './model.ts';
import type { Dialect } from './secret-queries.ts';
import type { SecretFields } from './state.ts';
import type { WriteItem, WriteTarget, Written } from './writing.ts';

export function answerCreate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const { body } = call;
  const key = call.param('secretName');
  const target = writeTarget(call, dialect);
  const value = body.text('secretValue');
  const fields = { ...secretFields(body), value };
  refuseBadName(machine, body, key, 'secretName');
  const type = body.oneOf('type', ['shared', 'personal'], 'shared');
  body.check();
  machine.writer.refusePersonal(type);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secret: render(machine, machine.writer.create(target, [{ key, fields }]))[0] };
}

export function answerUpdate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const { body } = call;
  const target = writeTarget(call, dialect);
  const newKey = body.optionalText('newSecretName')?.trim();
  if (newKey !== undefined) refuseBadName(machine, body, newKey, 'newSecretName');
  const item = { key: call.param('secretName'), newKey, fields: secretFields(body) };
  const type = body.oneOf('type', ['shared', 'personal'], 'shared');
  body.check();
  machine.writer.refusePersonal(type);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secret: render(machine, machine.writer.update(target, [item], 'failOnNotFound'))[0] };
}

export function answerDelete(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = writeTarget(call, dialect);
  call.body.check();
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secret: render(machine, machine.writer.remove(target, [call.param('secretName')]))[0] };
}

export function answerBatchCreate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = batchTarget(machine, call, dialect);
  const items = batchItems(machine, call.body, true);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secrets: render(machine, machine.writer.create(target, items)) };
}

export function answerBatchUpdate(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = batchTarget(machine, call, dialect);
  const { body } = call;
  // The July 2024 server does not know the field.
  const mode =
    machine.generation === '2024'
      ? 'failOnNotFound'
      : body.oneOf('mode', ['failOnNotFound', 'upsert', 'ignore'], 'failOnNotFound');
  const items = batchItems(machine, call.body, false);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secrets: render(machine, machine.writer.update(target, items, mode)) };
}

export function answerBatchDelete(machine: Machine, call: AuthedCall, dialect: Dialect): object {
  const target = batchTarget(machine, call, dialect);
  const keys = batchItems(machine, call.body, false).map(({ key }) => key);
  if (machine.knobs.values.approvals) return approvalAnswer();
  return { secrets: render(machine, machine.writer.remove(target, keys)) };
}

function writeTarget({ body, identity }: AuthedCall, dialect: Dialect): WriteTarget {
  const projectId = body.text(dialect.projectField);
  const environment = body.text('environment');
  return { identity, projectId, environment, path: normalisePath(body.optionalText('secretPath') ?? '/') };
}

/** The July 2024 batch routes name the project by slug alone; the field exists in no other body. */
function batchTarget(machine: Machine, call: AuthedCall, dialect: Dialect): WriteTarget {
  if (machine.generation !== '2024') return writeTarget(call, dialect);
  const { body, identity } = call;
  const slug = body.text('projectSlug');
  const environment = body.text('environment');
  const projectId = machine.state.projectBySlug(slug)?.id ?? '';
  return { identity, projectId, environment, path: normalisePath(body.optionalText('secretPath') ?? '/') };
}

function batchItems(machine: Machine, body: Fields, creating: boolean): readonly WriteItem[] {
  const list = body.items('secrets');
  if (list.length === 0) body.refuse('secrets', 'Array must contain at least 1 element(s)');
  body.check();
  return list.map((item) => {
    const key = item.text('secretKey').trim();
    if (creating) refuseBadName(machine, item, key, 'secretKey');
    if (creating) item.text('secretValue');
    const newKey = item.optionalText('newSecretName')?.trim();
    const fields = secretFields(item);
    item.check();
    return { key, newKey, fields };
  });
}

function secretFields(source: Fields): Partial<SecretFields> {
  const value = source.optionalText('secretValue');
  const comment = source.optionalText('secretComment');
  const skipMultilineEncoding = source.optionalBoolean('skipMultilineEncoding');
  const metadata = source.has('secretMetadata') ? source.items('secretMetadata').map(metadataOf) : undefined;
  return { ...(value !== undefined && { value }), comment, skipMultilineEncoding, metadata };
}

function metadataOf(item: Fields): SecretMetadata {
  const metadata = {
    key: item.text('key'),
    value: item.text('value'),
    isEncrypted: item.optionalBoolean('isEncrypted') ?? false,
  };
  item.check();
  return metadata;
}

function refuseBadName(machine: Machine, body: Fields, key: string, field: string): void {
  // Updates and reads accept any name, and the July 2024 server had no rule at all.
  if (machine.generation === '2024') return;
  if (key === '') body.refuse(field, 'Secret name cannot be empty');
  if (/[:/]/.test(key)) body.refuse(field, 'Secret name cannot contain colon or slash');
}

function render(machine: Machine, { place, secrets }: Written): readonly object[] {
  return secrets.map((secret: StoredSecret) =>
    renderItem({ place, secret, value: secret.value, shape: 'single', generation: machine.generation }),
  );
}

function approvalAnswer(): object {
  const id = randomUUID();
  const time = new Date().toISOString();
  const common = { id, policyId: randomUUID(), status: 'open', hasMerged: false, slug: `request-${id.slice(0, 8)}` };
  return { approval: { ...common, folderId: randomUUID(), conflicts: null, createdAt: time, updatedAt: time } };
}
