// Infisical as a SecretWriter: folders and batches, over the connection that reads use too.

import { PsiError } from '../../core/error.ts';
import type { Place } from '../../provider/secret-source.ts';
import type { BatchOutcome, SecretToWrite, SecretWriter } from '../../provider/secret-writer.ts';
import type { ServerAnswer } from './api.ts';
import { decodeProject, decodeWritten, type Written } from './codec.ts';
import type { Connection } from './connection.ts';
import { noAnswer } from './errors.ts';
import type { Subject } from './subject.ts';
import { faultOf, type Fault } from './fault.ts';
import { PLACEHOLDER } from './merge.ts';
import { holdsReference } from './references.ts';
import { neighboursIn } from './value-references.ts';
import { objectionTo } from './writable.ts';
import { failedOverReference, refusedWrite } from './write-errors.ts';
import { batchRequest, divide, folderRequest, itemOf, projectRequest, type Item } from './write-requests.ts';

export function createInfisicalWriter(connection: Connection): SecretWriter {
  /** By project, once a server has asked for it. */
  const slugs = new Map<string, string>();

  const slugOf = async (subject: Subject, signal: AbortSignal): Promise<string> => {
    const answer = await connection.call(subject.project, projectRequest(subject.projectId), signal);
    const fault = faultOf(answer);
    const sent = { doing: 'read the project of', right: 'read the project', items: [] };
    if (fault) throw refusedWrite(fault, subject, connection.context(), sent);
    const slug = decodeProject(answer.body)?.slug;
    if (slug === undefined) throw noAnswer('the question for the slug of a project', answer, connection.context());
    return slug;
  };

  const send = async (
    how: 'create' | 'overwrite',
    subject: Subject,
    items: readonly Item[],
    signal: AbortSignal,
  ): Promise<ServerAnswer | PsiError> => {
    const ask = (): Promise<ServerAnswer | Fault> =>
      connection.callVersioned(
        subject.project,
        (version) => batchRequest(version, subject, { how, items, projectSlug: slugs.get(subject.project) }),
        signal,
      );
    let answer = await ask();
    if ('kind' in answer && answer.refusal?.fields.includes('projectSlug') && !slugs.has(subject.project)) {
      slugs.set(subject.project, await slugOf(subject, signal));
      answer = await ask();
    }
    if (!('kind' in answer)) return answer;
    const failed = failedOverReference(answer, items);
    if (failed) return failed;
    const sent = { doing: 'write secrets to', right: `${how === 'create' ? 'create' : 'edit'} secrets`, items };
    throw refusedWrite(answer, subject, connection.context(), sent);
  };

  const write = async (
    how: 'create' | 'overwrite',
    place: Place,
    batch: readonly SecretToWrite[],
    signal: AbortSignal,
  ): Promise<BatchOutcome> => {
    const subject = connection.subjectOf(place);
    const unfit = batch.find((secret) => objectionTo(secret)?.kind === 'refuse');
    if (unfit) throw new PsiError('BAD_REQUEST', `${unfit.key}: ${objectionTo(unfit)?.reason ?? ''}`);
    const items = batch.map(itemOf);
    const answer = await send(how, subject, items, signal);
    if (answer instanceof PsiError) return { kind: 'failed', error: answer };
    const written = decodeWritten(answer.body);
    if (!written) throw noAnswer(`a write to ${place.project}:${place.path}`, answer, connection.context());
    if ('approval' in written) {
      return { kind: 'approval', request: written.approval.slug ?? written.approval.id ?? 'without a name' };
    }
    return { kind: 'written', altered: alteredIn(written.secrets, items) };
  };

  return {
    objection: objectionTo,
    references: (place, { value }) => {
      const text = value.exposeExactText() ?? '';
      return holdsReference(text) ? neighboursIn(text, connection.subjectOf(place)) : undefined;
    },
    batches: divide,
    ensureFolder: async (place, signal) => {
      if (place.path === '/') return;
      const subject = connection.subjectOf(place);
      const answer = await connection.callVersioned(
        place.project,
        (version) => folderRequest(version, subject),
        signal,
      );
      if (!('kind' in answer)) return;
      const sent = { doing: 'create the folder', right: 'create secret folders', items: [] };
      throw refusedWrite(answer, subject, connection.context(), sent);
    },
    create: (place, batch, signal) => write('create', place, batch, signal),
    overwrite: (place, batch, signal) => write('overwrite', place, batch, signal),
  };
}

/** The answer repeats what is kept, if the identity may read it. */
function alteredIn(kept: Written['secrets'], sent: readonly Item[]): readonly string[] {
  const values = new Map(sent.map(({ secretKey, secretValue }) => [secretKey, secretValue]));
  return kept.flatMap(({ secretKey, secretValue, secretValueHidden }) => {
    if (typeof secretValue !== 'string' || secretValueHidden === true || secretValue === PLACEHOLDER) return [];
    const value = values.get(secretKey);
    return value === undefined || value === secretValue ? [] : [secretKey];
  });
}
