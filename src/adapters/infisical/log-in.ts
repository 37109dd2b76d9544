// One login: what a method sends, and the server's answer to it. Remembers nothing; that is the session's business.

import type { Clock } from '../../core/clock.ts';
import type { Api, ApiRequest } from './api.ts';
import type { Attempt, Login } from './auth/login.ts';
import { decodeLogin, type LoggedIn } from './codec.ts';
import { noAnswer } from './errors.ts';
import { faultOf } from './fault.ts';
import { refusedLogin } from './login-errors.ts';

export type LogInDeps = {
  readonly api: Api;
  readonly apiUrl: string;
  readonly login: Login;
  readonly clock: Clock;
  readonly follow?: ApiRequest['follow'];
};

/** Longer than a lookup waits: the login goes on for the next one. */
const LOGIN_TIMEOUT_MS = 10_000;

export async function logIn(attempt: Attempt, { api, apiUrl, login, clock, follow }: LogInDeps): Promise<LoggedIn> {
  const { path, body, clientCertificate, refusedHint = login.refusedHint } = await attempt.request();
  const answer = await api.ask({
    method: 'POST',
    path,
    body,
    hidden: Object.values(body),
    timeoutMs: LOGIN_TIMEOUT_MS,
    ...(clientCertificate && { clientCertificate }),
    ...(follow && { follow }),
  });
  const context = { apiUrl, now: clock.now() };
  const fault = faultOf(answer);
  if (fault) throw refusedLogin(fault, { ...login, refusedHint }, context);
  const loggedIn = decodeLogin(answer.body);
  if (!loggedIn) throw noAnswer(`the login of ${login.who}`, answer, context);
  return loggedIn;
}
