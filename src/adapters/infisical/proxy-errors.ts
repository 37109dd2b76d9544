// What failed at a proxy, as PsiError: which proxy, who named it, and the next step. Its credentials are in none of it.

import { PsiError, type ErrorInit } from '../../core/error.ts';
import type { Proxy } from './proxy.ts';
import { TUNNEL_STEP_MS, type TunnelError } from './tunnel.ts';

export type ProxyFailure = Pick<TunnelError, 'code' | 'proxy' | 'target' | 'step' | 'status'> & {
  /** An address behind the proxy, for a command. */
  readonly url: string;
  /** What is set and not used, and why. */
  readonly unused?: string;
};

const SECONDS = `${String(TUNNEL_STEP_MS / 1000)} s`;

export function proxyError(failure: ProxyFailure): PsiError {
  const { message, init } = failure.status === undefined ? unanswered(failure) : answered(failure, failure.status);
  const details =
    failure.status === undefined ? { cause: failure.code } : { cause: failure.code, status: failure.status };
  return new PsiError('PROVIDER_DOWN', `${message}${failure.unused ?? ''}`, { ...init, details });
}

/** Asks for the password itself: none in argv. */
function trial({ proxy, url }: ProxyFailure, flags = ''): string {
  return `\`curl -v -x ${proxy.shown}${flags} ${url}\` on this host`;
}

type Said = { readonly message: string; readonly init: ErrorInit };

function answered(failure: ProxyFailure, status: number): Said {
  const { proxy, target, url } = failure;
  if (status === 407) return wantsCredentials(failure);
  if (status >= 500) {
    // What comes without a tunnel may be the word of another one, further on.
    const orAnother = url.startsWith('http:') ? ', or one behind it,' : '';
    return {
      message: `${proxy.name}${orAnother} cannot reach ${target}: it answered ${String(status)}`,
      init: { hint: `is the server behind it up? try ${trial(failure)}`, retry: 'later' },
    };
  }
  return {
    message: `${proxy.name} refuses the way to ${target}: it answered ${String(status)}`,
    init: {
      hint: `have it allow CONNECT to ${target}, or name the host in NO_PROXY if it is reached without; try ${trial(failure)}`,
    },
  };
}

function wantsCredentials(failure: ProxyFailure): Said {
  const { proxy } = failure;
  const sent = proxy.credentials !== undefined;
  return {
    message: `${proxy.name} ${sent ? 'does not take the credentials that it was given' : 'wants credentials'}: it answered 407`,
    init: {
      hint: `${trial(failure, ' --proxy-user USER')} must get through; they go in front of the host, as ${proxy.protocol}//USER:PASSWORD@HOST:PORT, best by \`proxy: {credential: NAME}\` of the provider`,
    },
  };
}

function unanswered(failure: ProxyFailure): Said {
  const { code, proxy, target, step } = failure;
  const check = `try ${trial(failure)}`;
  const named = `is ${namedBy(proxy)} right? ${check}`;
  if (code === 'ETIMEDOUT') return tooLate(failure, check);
  if (code.startsWith('HPE_')) {
    return {
      message: `what answers at ${proxy.name} is no http proxy`,
      init: { hint: `check its scheme and port: ${check}` },
    };
  }
  switch (code) {
    case 'ECONNREFUSED':
      return { message: `nobody listens at ${proxy.name}: connection refused`, init: { hint: named, retry: 'later' } };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        message: `the name of ${proxy.name} cannot be resolved (${code})`,
        init: { hint: `\`getent hosts ${proxy.host}\` on this host; is ${namedBy(proxy)} right?`, retry: 'later' },
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { message: `no route to ${proxy.name} (${code})`, init: { hint: named, retry: 'later' } };
    case 'ECONNRESET':
    case 'EPIPE':
      return {
        message: `${proxy.name} closed the connection before the way to ${target} was open (${code})`,
        init: { hint: `see the log of the proxy; ${check}`, retry: 'later' },
      };
    default:
      return {
        message: `${step === 'proxy' ? 'the connection to' : 'the way through'} ${proxy.name} failed (${code})`,
        init: { hint: `${proxy.protocol === 'https:' ? TLS_PROXY : ''}${check}`, retry: 'later' },
      };
  }
}

const TLS_PROXY = 'its certificate has to be one that `ca_cert` or the usual authorities stand for; ';

function tooLate({ proxy, target, step }: ProxyFailure, check: string): Said {
  const what = {
    proxy: `${proxy.name} took no connection within ${SECONDS}`,
    answer: `${proxy.name} opened no way to ${target} within ${SECONDS}`,
    handshake: `${target} began no TLS within ${SECONDS} behind ${proxy.name}`,
  };
  return { message: what[step], init: { hint: check, retry: 'later' } };
}

function namedBy({ from }: Proxy): string {
  return from.startsWith('`') ? from : `${from} of psi.container`;
}
