// Infisical as a SecretSource: one server, all projects of one provider. Owns the order of things for a call: token, version of the
// API, one new login if the token is no longer taken.

import { PsiError } from '../../core/error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ListOptions, ListedSecret, Place, SecretSource } from '../../ports/secret-source.ts';
import type { TokenStore } from '../../ports/token-store.ts';
import { createApi, type Answer, type ApiOptions, type ApiRequest } from './api.ts';
import type { ResolveSecret } from './auth/login.ts';
import { loginFor, type Auth } from './auth/methods.ts';
import { decodeListing, decodeSingle } from './codec.ts';
import { hiddenValue, missingSecret, noAnswer, refusedCall, type Context, type Subject } from './errors.ts';
import { faultOf, type Fault } from './fault.ts';
import { isShared, mergeListing, valueOf } from './merge.ts';
import { getRequest, isAddressable, listRequest, type ApiVersion } from './requests.ts';
import { Session, sessionName } from './session.ts';
import { Versions, type VersionSetting } from './versions.ts';

export { SUPPORTED_METHODS } from './auth/methods.ts';

export type InfisicalDeps<Field> = ApiOptions & {
  readonly apiVersion: VersionSetting;
  readonly token: { readonly ttlMs: number | undefined };
  readonly projects: ReadonlyMap<string, Project<Field>>;
  readonly clock: Clock;
  readonly tokenStore: TokenStore;
  readonly resolveSecret: ResolveSecret<Field>;
};

type Project<Field> = { readonly id: string; readonly environment: string; readonly auth: Auth<Field> };

/** After a new login that changed nothing, a refused token of this project is not exchanged again for so long: logins are counted. */
const REMEMBER_VAIN_LOGIN_MS = 60_000;

/** Connects to nothing before the first call. */
export function createInfisicalSource<Field>(
  deps: InfisicalDeps<Field>,
): SecretSource & { readonly close: () => void } {
  const { apiUrl, clock } = deps;
  const api = createApi(deps);
  const versions = new Versions(deps.apiVersion, clock);
  const sessions = new Map<string, Session>();
  const vainUntil = new Map<string, number>();
  const context = (): Context => ({ apiUrl, now: clock.now() });

  const sessionOf = (project: Project<Field>): Session => {
    const login = loginFor(project.auth, deps.resolveSecret);
    const name = sessionName(apiUrl, login);
    const known = sessions.get(name);
    if (known) return known;
    const { tokenStore: store, token } = deps;
    const session = new Session({ api, apiUrl, login, clock, store, ttlMs: token.ttlMs });
    sessions.set(name, session);
    return session;
  };

  const projectOf = (alias: string): Project<Field> => {
    const project = deps.projects.get(alias);
    if (project) return project;
    throw new PsiError('NOT_FOUND', `the project ${alias} is not in the config of infisical`, {
      hint: `add it under \`projects\` of the provider, then \`systemctl restart psi.service\``,
    });
  };

  const authed = async (alias: string, request: ApiRequest, signal: AbortSignal): Promise<Answer> => {
    const session = sessionOf(projectOf(alias));
    const token = await session.token(signal);
    const answer = await api.ask({ ...request, bearer: token }, signal);
    if (faultOf(answer)?.kind !== 'token' || clock.monotonic() < (vainUntil.get(alias) ?? 0)) return answer;
    session.discard(token);
    const again = await api.ask({ ...request, bearer: await session.token(signal) }, signal);
    if (faultOf(again)?.kind === 'token') vainUntil.set(alias, clock.monotonic() + REMEMBER_VAIN_LOGIN_MS);
    return again;
  };

  /** The answer of the first version that the server has. */
  const read = async (
    subject: Subject,
    requestFor: (version: ApiVersion) => ApiRequest,
    signal: AbortSignal,
  ): Promise<Answer> => {
    let fault: Fault | undefined;
    for (const version of versions.candidates) {
      const answer = await authed(subject.project, requestFor(version), signal);
      fault = faultOf(answer);
      if (fault?.kind === 'route') continue;
      // A refusal by somebody in between says nothing about the server behind.
      if (fault === undefined || fault.kind === 'missing' || fault.kind === 'permission') versions.found(version);
      if (fault === undefined) return answer;
      break;
    }
    throw fault ? refusedCall(fault, subject, context()) : new PsiError('INTERNAL', 'no api version to try');
  };

  const subjectOf = (place: Place, key?: string): Subject => {
    const { id, environment } = projectOf(place.project);
    return { project: place.project, projectId: id, environment, path: place.path, key };
  };

  const list = async (place: Place, options: ListOptions): Promise<readonly ListedSecret[]> => {
    const subject = subjectOf(place);
    const answer = await read(subject, (version) => listRequest(version, subject, options), options.signal);
    const listing = decodeListing(answer.body);
    if (!listing) throw noAnswer(`the listing of ${place.project}:${place.path}`, answer, context());
    return mergeListing(listing, { ...options, path: place.path });
  };

  return {
    list,
    get: async (ref, signal) => {
      const subject = subjectOf(ref, ref.key);
      if (!isAddressable(ref.key)) {
        const listed = await list(ref, { recursive: false, values: true, signal });
        const found = listed.find(({ key }) => key === ref.key);
        if (!found) throw missingSecret(subject);
        if (!found.value) throw hiddenValue(subject);
        return found.value;
      }
      const answer = await read(subject, (version) => getRequest(version, subject, ref.key), signal);
      const item = decodeSingle(answer.body);
      if (!item) throw noAnswer(`the reading of ${ref.project}:${ref.path}`, answer, context());
      if (!isShared(item)) throw missingSecret(subject);
      const value = valueOf(item);
      if (!value) throw hiddenValue(subject);
      return value;
    },
    close: () => {
      api.close();
    },
  };
}
