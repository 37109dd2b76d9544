// The HSM helper: a process that uses the token once and ends. Not a worker thread: the process.exit() of PSI would wait for a module that
// hangs (6 s for a call of 6 s, measured), and nothing can end that; a process can be killed, and a crashing module kills only it.

import { Token } from './token.ts';
import { resultOf, TokenError } from './token-error.ts';
import type { TokenAnswer, TokenRequest } from './wire.ts';

function answerTo(token: Token, request: TokenRequest): TokenAnswer {
  try {
    return token.run(request);
  } catch (error) {
    const seen = error instanceof TokenError ? error.seen : [];
    return { ok: false, failure: { step: token.step, why: resultOf(error), seen } };
  }
}

process.once('message', (request: TokenRequest) => {
  const token = new Token(request.target);
  const answer = answerTo(token, request);
  process.send?.(answer, () => {
    try {
      token.close();
    } catch {
      // The token is gone, or another user of it was faster: this process ends anyway.
    }
    process.exit();
  });
});
// PSI went away.
process.once('disconnect', () => process.exit());
