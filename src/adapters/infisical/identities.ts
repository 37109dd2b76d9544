// The identities that a config names, each to be tried by itself: what `psi infisical login` asks. Uses no kept token and keeps none.

import type { ConfiguredIdentity } from '../../provider/configured-identity.ts';
import { PsiError } from '../../core/error.ts';
import { createApi, type Api } from './api.ts';
import { AccessToken } from './auth/access-token.ts';
import { loginFor, type AccessTokenAuth, type Auth, type LoginAuth } from './auth/methods.ts';
import { createConnection, type ConnectionDeps } from './connection.ts';
import { failedServer, refusedCall, untrustedAddress } from './errors.ts';
import type { FaultKind } from './fault.ts';
import { logIn } from './log-in.ts';
import { listRequest } from './requests.ts';
import { sessionName } from './session.ts';
import { namedLifeMs } from './token-life.ts';

export type IdentitiesDeps = ConnectionDeps & {
  /** What projects without an auth of their own use. */
  readonly auth: Auth | undefined;
};

export type Identities = { readonly identities: readonly ConfiguredIdentity[]; readonly close: () => void };

const REVOKE_TIMEOUT_MS = 3_000;
const CHECK_TIMEOUT_MS = 10_000;

/** The common one first, then those of the projects in their order; each once, however many projects use it. */
export function identitiesOf(deps: IdentitiesDeps): Identities {
  const api = createApi(deps);
  const found = new Map<unknown, { readonly auth: Auth; readonly projects: string[] }>();
  const add = (auth: Auth, project?: string): void => {
    const key = auth.method === 'token' ? auth : sessionName(deps.apiUrl, loginOf(auth, deps));
    const entry = found.get(key) ?? { auth, projects: [] };
    found.set(key, entry);
    if (project !== undefined) entry.projects.push(project);
  };
  if (deps.auth) add(deps.auth);
  for (const [alias, { auth }] of deps.projects) add(auth, alias);
  return {
    identities: [...found.values()].map(({ auth, projects }) =>
      auth.method === 'token' ? readyToken(auth, projects, deps) : loginIdentity(auth, projects, api, deps),
    ),
    close: () => {
      api.close();
    },
  };
}

function loginOf(auth: LoginAuth, deps: ConnectionDeps): ReturnType<typeof loginFor> {
  return loginFor(auth, { ...deps, now: () => deps.clock.now() });
}

function loginIdentity(
  auth: LoginAuth,
  projects: readonly string[],
  api: Api,
  deps: ConnectionDeps,
): ConfiguredIdentity {
  const { apiUrl, clock } = deps;
  const login = loginOf(auth, deps);
  return {
    method: login.method,
    who: login.who,
    projects,
    tryLogin: async () => {
      const loggedIn = await logIn(await login.prepare(), { api, apiUrl, login, clock });
      const life = namedLifeMs(loggedIn);
      const until = life === undefined ? undefined : clock.now() + life;
      const { accessToken } = loggedIn;
      // It was made only to see whether it can be; where that cannot be undone, it ends by itself.
      await api
        .ask({
          method: 'POST',
          path: '/api/v1/auth/token/revoke',
          body: { accessToken },
          hidden: [accessToken],
          once: true,
          timeoutMs: REVOKE_TIMEOUT_MS,
        })
        .catch(() => undefined);
      return { until };
    },
  };
}

/** Refusals that speak of what was asked for: the token itself was taken. */
const TAKEN: readonly FaultKind[] = ['permission', 'member', 'hidden', 'reference', 'missing'];

/** There is no login to try, so names are listed where the token is meant to be used. */
function readyToken(auth: AccessTokenAuth, projects: readonly string[], deps: ConnectionDeps): ConfiguredIdentity {
  const tryLogin = async (): ReturnType<ConfiguredIdentity['tryLogin']> => {
    const [project] = projects;
    if (project === undefined) {
      throw new PsiError('CONFIG_INVALID', 'no project uses the access token, so there is nothing to try it on', {
        hint: 'add a project under `projects` of the provider',
      });
    }
    const connection = createConnection(deps);
    try {
      const subject = connection.subjectOf({ project, path: '/' });
      const options = { recursive: false, values: false };
      const answer = await connection.callVersioned(
        project,
        (version) => ({ ...listRequest(version, subject, options), timeoutMs: CHECK_TIMEOUT_MS }),
        AbortSignal.timeout(2 * CHECK_TIMEOUT_MS),
      );
      if ('kind' in answer && answer.kind === 'address')
        throw untrustedAddress('refuses the access token (token)', answer, connection.context());
      if ('kind' in answer && answer.kind === 'token') throw refusedCall(answer, subject, connection.context());
      if ('kind' in answer && !TAKEN.includes(answer.kind)) throw failedServer(answer, connection.context());
    } finally {
      connection.close();
    }
    return { until: AccessToken.endOf((await deps.resolveSecret(auth.accessToken)).exposeText()) };
  };
  return { method: auth.method, who: 'access token', projects, tryLogin };
}
