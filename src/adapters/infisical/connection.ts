// One server and the identities that projects have there. Owns the order of things for a call: token, version of the API, one new login
// if the token is no longer taken. What is asked for, and what an answer holds, is for the file that asks (source.ts and its like).

import { PsiError } from '../../core/error.ts';
import type { Clock } from '../../core/clock.ts';
import { momentOf, type Moment } from '../../core/fetched.ts';
import type { Place } from '../../provider/secret-source.ts';
import type { TokenStore } from '../../provider/token-store.ts';
import { createApi, type ServerAnswer, type ApiOptions, type ApiRequest } from './api.ts';
import { AccessToken } from './auth/access-token.ts';
import type { LoginTools } from './auth/login.ts';
import { loginFor, type Auth, type LoginAuth } from './auth/methods.ts';
import { failedServer, noAnswer, type Context } from './errors.ts';
import { faultOf, type Fault, type FaultKind } from './fault.ts';
import type { ApiVersion } from './requests.ts';
import { Session, sessionName } from './session.ts';
import type { TokenKeeper } from './token-keeper.ts';
import type { Subject } from './subject.ts';
import { Versions, type VersionSetting } from './versions.ts';

export type ConnectionDeps = ApiOptions & {
  readonly apiVersion: VersionSetting;
  readonly token: { readonly ttlMs: number | undefined };
  readonly projects: ReadonlyMap<string, Project>;
  readonly clock: Clock;
  readonly tokenStore: TokenStore;
} & Omit<LoginTools, 'now'>;

export type Project = { readonly id: string; readonly environment: string; readonly auth: Auth };

export type Connection = {
  /** What messages about an answer need. */
  readonly context: () => Context;
  /** Now, for an answer that has just come. */
  readonly moment: () => Moment;
  /** A place as the server and messages name it. NOT_FOUND: no such project in the config. */
  readonly subjectOf: (place: Place, key?: string) => Subject;
  /** One call as the identity of a project; refusals come back as they are. Fails as `Api.ask` and a login do. */
  readonly call: (project: string, request: ApiRequest, signal: AbortSignal) => Promise<ServerAnswer>;
  /** The answer of the first version of the API that the server has. A refusal comes back as its fault. */
  readonly callVersioned: (
    project: string,
    requestFor: (version: ApiVersion) => ApiRequest,
    signal: AbortSignal,
  ) => Promise<ServerAnswer | Fault>;
  /** Without a login. Resolves if the server answers, be it by a refusal. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  /**
   * By how many milliseconds at least the server's clock is ahead of this host's; negative: behind. Undefined: it does not tell. Without a login;
   * whoever answers in front of the server will do.
   */
  readonly clockAhead: (signal: AbortSignal) => Promise<number | undefined>;
  /** Ends idle connections. Calls under way still finish. */
  readonly close: () => void;
};

/** Refusals that only a server of the asked version can have made. */
const OF_THE_SERVER: readonly FaultKind[] = ['missing', 'permission', 'member', 'hidden', 'reference'];

/** Answers that come from in front of a server, or from one that can do nothing. */
const NO_SIGN_OF_LIFE: readonly FaultKind[] = ['server', 'redirect'];

/** After a new login that changed nothing, a refused token of this project is not exchanged again for so long: logins are counted. */
const REMEMBER_VAIN_LOGIN_MS = 60_000;

const STATUS_MS = 15_000;

/** A date of HTTP has whole seconds, and it was written at some moment between the question and its answer. */
function surelyAhead(sent: number, asked: number, answered: number): number {
  return Math.max(sent - answered, 0) + Math.min(sent + 999 - asked, 0);
}

/** Connects to nothing before the first call. */
export function createConnection(deps: ConnectionDeps): Connection {
  const { apiUrl, clock } = deps;
  const api = createApi(deps);
  const versions = new Versions(deps.apiVersion, clock);
  const sessions = new Map<string, Session>();
  const keepers = new Map<Auth, TokenKeeper>();
  const vainUntil = new Map<string, number>();

  const keeperOf = ({ auth }: Project): TokenKeeper => {
    const known = keepers.get(auth);
    if (known) return known;
    const keeper = auth.method === 'token' ? new AccessToken(auth, deps.resolveSecret, clock) : sessionOf(auth);
    keepers.set(auth, keeper);
    return keeper;
  };

  const sessionOf = (auth: LoginAuth): Session => {
    const login = loginFor(auth, { ...deps, now: () => clock.now() });
    const name = sessionName(apiUrl, login);
    const { tokenStore: store, token } = deps;
    const session = sessions.get(name) ?? new Session({ api, apiUrl, login, clock, store, ttlMs: token.ttlMs });
    sessions.set(name, session);
    return session;
  };

  const projectOf = (alias: string): Project => {
    const project = deps.projects.get(alias);
    if (project) return project;
    throw new PsiError('NOT_FOUND', `the project ${alias} is not in the config of infisical`, {
      hint: `add it under \`projects\` of the provider, then \`systemctl restart psi.service\``,
      details: { asked: false },
    });
  };

  const call: Connection['call'] = async (alias, request, signal) => {
    const keeper = keeperOf(projectOf(alias));
    const token = await keeper.token(signal);
    const answer = await api.ask({ ...request, bearer: token }, signal);
    if (faultOf(answer)?.kind !== 'token' || clock.monotonic() < (vainUntil.get(alias) ?? 0)) return answer;
    keeper.discard(token);
    const again = await api.ask({ ...request, bearer: await keeper.token(signal) }, signal);
    if (faultOf(again)?.kind === 'token') vainUntil.set(alias, clock.monotonic() + REMEMBER_VAIN_LOGIN_MS);
    return again;
  };

  return {
    context: () => ({ apiUrl, now: clock.now() }),
    moment: () => momentOf(clock),
    subjectOf: (place, key) => {
      const { id, environment } = projectOf(place.project);
      return { project: place.project, projectId: id, environment, path: place.path, key };
    },
    call,
    callVersioned: async (alias, requestFor, signal) => {
      let fault: Fault | undefined;
      for (const version of versions.candidates) {
        const answer = await call(alias, requestFor(version), signal);
        fault = faultOf(answer);
        if (fault?.kind === 'route') continue;
        // A refusal by somebody in between says nothing about the server behind.
        if (fault === undefined || OF_THE_SERVER.includes(fault.kind)) versions.found(version);
        if (fault === undefined) return answer;
        break;
      }
      if (fault) return fault;
      throw new PsiError('INTERNAL', 'no api version to try');
    },
    probe: async (signal) => {
      const answer = await api.ask({ method: 'GET', path: '/api/status', once: true }, signal);
      const fault = faultOf(answer);
      const context = { apiUrl, now: clock.now() };
      if (fault && NO_SIGN_OF_LIFE.includes(fault.kind)) throw failedServer(fault, context);
      // A page of somebody in between.
      if (!fault && !answer.contentType.includes('json'))
        throw noAnswer('the question for its status', answer, context);
    },
    clockAhead: async (signal) => {
      const asked = clock.now();
      const { date } = await api.ask({ method: 'GET', path: '/api/status', once: true, timeoutMs: STATUS_MS }, signal);
      const sent = Date.parse(date ?? '');
      return Number.isNaN(sent) ? undefined : surelyAhead(sent, asked, clock.now());
    },
    close: () => {
      api.close();
    },
  };
}
