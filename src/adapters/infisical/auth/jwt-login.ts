// Login with a JWT that somebody else issues: what oidc, jwt and kubernetes have in common. A kept token hangs on issuer and subject, so
// that it outlives the rotation of the JWT; that the JWT is good is for the server to judge.

import { PsiError } from '../../../core/error.ts';
import type { TokenSource } from '../../../core/secret-field.ts';
import { SecretValue } from '../../../core/secret-value.ts';
import { isoTime } from '../../../core/time.ts';
import { claimsOf, isJwt } from './jwt-claims.ts';
import { identityBody, type ByIdentity, type Login, type LoginRequest, type LoginTools } from './login.ts';

export type JwtAuth<Method extends string> = ByIdentity & { readonly method: Method; readonly jwt: TokenSource };

export type JwtWords = {
  readonly path: string;
  /** What has to fit in Infisical; the token's own claims are put behind it. */
  readonly compareWith: string;
  /** Who has to write a new token once it has ended. */
  readonly renewedBy: string;
};

export function jwtLogin(auth: JwtAuth<string>, words: JwtWords, tools: LoginTools): Login {
  const { method, identityId, organization } = auth;
  const who = `identity ${identityId}`;
  const requestWith = (jwt: SecretValue): LoginRequest => {
    const text = jwt.exposeText();
    if (!isJwt(text)) {
      throw new PsiError('CONFIG_INVALID', `what \`jwt\` of ${who} refers to holds no JWT`, {
        hint: 'it has to be the bare token, three parts with dots between them, and nothing around it',
      });
    }
    return { path: words.path, body: { ...identityBody(auth), jwt: text }, refusedHint: hint(text) };
  };
  const hint = (jwt: string): string => {
    const { iss, sub, aud, exp } = claimsOf(jwt);
    if (exp !== undefined && exp * 1000 <= tools.now()) {
      return `the token ended at ${isoTime(exp * 1000)}: ${words.renewedBy}`;
    }
    const claims = `issuer ${iss ?? 'none'}, subject ${sub ?? 'none'}, audience ${aud ?? 'none'}`;
    return `${words.compareWith}; the token has ${claims}`;
  };

  return {
    method,
    identity: [identityId, organization ?? ''],
    who,
    prepare: async () => {
      if (auth.jwt.kind === 'command') {
        const anchor = SecretValue.fromText(JSON.stringify([await tools.bootId(), ...auth.jwt.argv]));
        return { anchor, request: async () => requestWith(trimmed(await tools.resolveSecret(auth.jwt))) };
      }
      const jwt = trimmed(await tools.resolveSecret(auth.jwt));
      return { anchor: anchorOf(jwt), tried: jwt, request: () => Promise.resolve(requestWith(jwt)) };
    },
    refusedHint: words.compareWith,
  };
}

function anchorOf(jwt: SecretValue): SecretValue {
  const { iss, sub } = claimsOf(jwt.exposeText());
  return sub === undefined ? jwt : SecretValue.fromText(JSON.stringify([iss, sub]));
}

function trimmed(secret: SecretValue): SecretValue {
  return SecretValue.fromText(secret.exposeText().trim());
}
