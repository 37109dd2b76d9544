// Infisical as a SecretSource: all projects of one provider, read over one connection.

import type { ListOptions, ListedSecret, Place, SecretSource } from '../../provider/secret-source.ts';
import type { ServerAnswer, ApiRequest } from './api.ts';
import { decodeListing, decodeSingle } from './codec.ts';
import type { Connection } from './connection.ts';
import { hiddenValue, missingSecret, noAnswer, refusedCall, type Subject } from './errors.ts';
import { fetchedOf, isShared, mergeListing } from './merge.ts';
import { getRequest, isAddressable, listRequest, type ApiVersion } from './requests.ts';

export function createInfisicalSource(connection: Connection): SecretSource {
  const read = async (
    subject: Subject,
    requestFor: (version: ApiVersion) => ApiRequest,
    signal: AbortSignal,
  ): Promise<ServerAnswer> => {
    const answer = await connection.callVersioned(subject.project, requestFor, signal);
    if ('kind' in answer) throw refusedCall(answer, subject, connection.context());
    return answer;
  };

  const list = async (place: Place, options: ListOptions): Promise<readonly ListedSecret[]> => {
    const subject = connection.subjectOf(place);
    const answer = await read(subject, (version) => listRequest(version, subject, options), options.signal);
    const listing = decodeListing(answer.body);
    if (!listing) throw noAnswer(`the listing of ${place.project}:${place.path}`, answer, connection.context());
    return mergeListing(listing, { ...options, path: place.path }, connection.moment());
  };

  return {
    list,
    get: async (ref, signal) => {
      const subject = connection.subjectOf(ref, ref.key);
      if (!isAddressable(ref.key)) {
        const listed = await list(ref, { recursive: false, values: true, signal });
        const found = listed.find(({ key }) => key === ref.key);
        if (!found) throw missingSecret(subject);
        if (!found.fetched) throw hiddenValue(subject);
        return found.fetched;
      }
      const answer = await read(subject, (version) => getRequest(version, subject, ref.key), signal);
      const item = decodeSingle(answer.body);
      if (!item) throw noAnswer(`the reading of ${ref.project}:${ref.path}`, answer, connection.context());
      if (!isShared(item)) throw missingSecret(subject);
      const fetched = fetchedOf(item, connection.moment());
      if (!fetched) throw hiddenValue(subject);
      return fetched;
    },
  };
}
