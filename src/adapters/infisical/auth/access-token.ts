// An access token that somebody made in Infisical: there is no login, and it is never written to disk. Read anew for each call, so a
// replaced one counts at once.

import { secretField, toSecretField } from '../../../config/schema/secret-field.ts';
import { section, word } from '../../../config/schema/section.ts';
import { PsiError } from '../../../core/error.ts';
import type { SecretField } from '../../../core/secret-field.ts';
import { isoTime } from '../../../core/time.ts';
import type { Clock } from '../../../core/clock.ts';
import type { TokenKeeper } from '../token-keeper.ts';
import { claimsOf } from './jwt-claims.ts';
import type { ResolveSecret } from './login.ts';
import { authMethod } from './method.ts';

type AccessTokenAuth = { readonly method: 'token'; readonly accessToken: SecretField };

export const accessToken = authMethod({
  method: 'token',
  codec: section({ method: word('token'), access_token: secretField }, {}),
  assemble: (raw): AccessTokenAuth => ({ method: raw.method, accessToken: toSecretField(raw.access_token) }),
});

/** A refused one is not sent again for so long: what made the server refuse it (an address, a use limit) may end. */
const REMEMBER_REFUSAL_MS = 60_000;

const NEW_ONE =
  'make a new one in infisical (identity, Token Auth) and put it where `access_token` refers to; it counts from the next call on';

export class AccessToken implements TokenKeeper {
  readonly #auth: AccessTokenAuth;
  readonly #resolveSecret: ResolveSecret;
  readonly #clock: Clock;
  #refused: { readonly token: string; readonly until: number } | undefined;

  constructor(auth: AccessTokenAuth, resolveSecret: ResolveSecret, clock: Clock) {
    this.#auth = auth;
    this.#resolveSecret = resolveSecret;
    this.#clock = clock;
  }

  async token(): Promise<string> {
    const token = (await this.#resolveSecret(this.#auth.accessToken)).exposeText().trim();
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new PsiError('CONFIG_INVALID', 'what `access_token` refers to holds no access token', {
        hint: 'it has to be the bare token on one line',
      });
    }
    const refused = this.#refused;
    if (refused?.token === token && this.#clock.monotonic() < refused.until) throw this.#refusal(token);
    return token;
  }

  discard(token: string): void {
    this.#refused = { token, until: this.#clock.monotonic() + REMEMBER_REFUSAL_MS };
  }

  /** Milliseconds since 1970; undefined: it does not say. */
  static endOf(token: string): number | undefined {
    const { exp } = claimsOf(token);
    return exp === undefined ? undefined : exp * 1000;
  }

  #refusal(token: string): PsiError {
    const end = AccessToken.endOf(token);
    if (end !== undefined && end <= this.#clock.now()) {
      return new PsiError('PROVIDER_DENIED', `the access token ended at ${isoTime(end)}`, {
        hint: NEW_ONE,
      });
    }
    return new PsiError('PROVIDER_DENIED', 'infisical does not take the access token', {
      hint: `was it revoked, are its uses spent, is this host's address trusted? ${NEW_ONE}`,
    });
  }
}
