// Infisical as a SecretSource: all projects of one provider, read over one connection.

import type { Fetched } from '../../core/fetched.ts';
import { sameBytes } from '../../core/bytes.ts';
import { SecretValue } from '../../core/secret-value.ts';
import type { ListOptions, ListedSecret, Place, SecretSource } from '../../provider/secret-source.ts';
import { namingAnswer } from '../../provider/answers-in-flight.ts';
import { decodeFolders, decodeListing, type Item, type Listing } from './codec.ts';
import type { Connection } from './connection.ts';
import { hiddenValue, limited, missingSecret, noAnswer, refusedCall } from './errors.ts';
import { Literals } from './literals.ts';
import { keepsTo, mayLeaveOut, mergeListing, withNames } from './merge.ts';
import { foldersRequest, isAddressable, listRequest } from './requests.ts';
import { SettledReads } from './settled-reads.ts';
import { unaskableReference } from './reference-errors.ts';
import { placeOf, type Subject } from './subject.ts';

export function createInfisicalSource(connection: Connection): SecretSource {
  const literals = new Literals();
  const settled = new SettledReads(connection, literals);

  const listing = async (
    subject: Subject,
    options: Parameters<typeof listRequest>[2],
    signal: AbortSignal,
  ): Promise<Listing> => {
    const asked = (more: { readonly expand?: false } = {}): ReturnType<Connection['callVersioned']> =>
      connection
        .callVersioned(subject.project, (version) => listRequest(version, subject, { ...options, ...more }), signal)
        .catch((thrown: unknown) => {
          throw namingAnswer(thrown, `the folder ${subject.project}:${subject.path}`);
        });
    let answer = await asked();
    // One unreadable reference refuses the whole list: as they are stored, values can be had, and those with references are read singly.
    if ('kind' in answer && answer.kind === 'reference' && options.values) answer = await asked({ expand: false });
    if ('kind' in answer) throw refusedCall(answer, subject, connection.context());
    const listed = await decodeListing(answer.body);
    const what = `the listing of ${subject.project}:${subject.path}`;
    if (!listed) throw noAnswer(what, answer, connection.context());
    if (!keepsTo(listed, { path: subject.path, recursive: options.recursive })) {
      throw noAnswer(what, answer, connection.context(), 'secrets of other folders');
    }
    return listed;
  };

  /** The keys that a folder itself imports; undefined where the question does not arise. */
  const importedHere = async (
    subject: Subject,
    found: Listing,
    options: ListOptions,
  ): Promise<ReadonlySet<string> | undefined> => {
    if (!options.recursive || options.imports === false || (found.imports ?? []).length === 0) return undefined;
    const own = await listing(subject, { recursive: false, values: false }, options.signal);
    return new Set((own.imports ?? []).flatMap(({ secrets }) => secrets.map(({ secretKey }) => secretKey)));
  };

  const list = async (place: Place, options: ListOptions): Promise<readonly ListedSecret[]> => {
    const subject = connection.subjectOf(place);
    const { path, environment } = subject;
    const found = await listing(subject, options, options.signal);
    const moment = connection.moment();
    const here = await importedHere(subject, found, options);
    const merging = { ...options, path, environment, ...(here && { importedHere: here }) };
    const secrets = await mergeListing(found, merging, moment, (item, where) => {
      const { secretKey: key, secretValue, version } = item;
      const place = { ...subject, path: where, key };
      return literals.has(place, secretValue ?? '', version ?? undefined) || isSame(options.known?.(key, where), item);
    });
    if (!options.values || !options.everyName || !mayLeaveOut(found, options)) return secrets;
    const names = await listing(subject, { ...options, values: false }, options.signal);
    return withNames(secrets, await mergeListing(names, { ...merging, values: false }, moment));
  };

  const folders = async (place: Place, signal: AbortSignal): Promise<readonly string[]> => {
    const subject = connection.subjectOf(place);
    const context = connection.context();
    const answer = await connection
      .callVersioned(place.project, (version) => foldersRequest(version, subject), signal)
      .catch((thrown: unknown) => {
        throw namingAnswer(thrown, `the folders in ${place.project}:${place.path}`);
      });
    const what = `to list the folders in ${placeOf(subject)}`;
    if ('kind' in answer && answer.kind === 'throttled') throw limited(answer, context, 'folders');
    if ('kind' in answer) throw refusedCall(answer, subject, context, what);
    const names = decodeFolders(answer.body);
    if (!names) throw noAnswer(`the question for the folders in ${place.project}:${place.path}`, answer, context);
    return [...new Set(names)];
  };

  return {
    list,
    folders,
    get: async (ref, signal) => {
      const subject = connection.subjectOf(ref, ref.key);
      if (isAddressable(ref.key)) return settled.read({ ...subject, key: ref.key }, ref.from, signal);
      const listed = await list(ref, { recursive: false, values: true, everyName: true, signal });
      const found = listed.find(({ key }) => key === ref.key);
      if (!found) throw missingSecret(subject);
      if (found.fetched) return found.fetched;
      throw found.unsettled ? unaskableReference(subject) : hiddenValue(subject);
    },
  };
}

/** What was known before, of the same version and text. */
function isSame(known: Fetched | undefined, { secretValue, version }: Item): boolean {
  if (known?.literal !== true || typeof secretValue !== 'string' || known.version !== (version ?? undefined))
    return false;
  return sameBytes(known.value.expose(), SecretValue.fromText(secretValue).expose());
}
