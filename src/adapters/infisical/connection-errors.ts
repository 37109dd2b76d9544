// No complete answer: what is wrong between PSI and the server, as PsiError with a next step. Codes are those of Node and OpenSSL.

import { PsiError, type ErrorInit } from '../../core/error.ts';
import { proxyError } from './proxy-errors.ts';
import { authority, wayWords, type Proxy, type Way } from './proxy.ts';

export type Endpoint = {
  readonly apiUrl: string;
  readonly where: string;
  readonly way: Way;
  /** A client certificate was shown. */
  readonly certified?: boolean;
};

export type Phase = 'preparing' | 'connecting' | 'login' | 'waiting' | 'reading';

const PHASES: Readonly<Record<Phase, string>> = {
  preparing: 'the login is not through, and has not been sent yet',
  connecting: 'no connection came about',
  login: 'the login is not through',
  waiting: 'it took the request and did not answer',
  reading: 'its answer did not come to an end',
};

/** Moments of a request, as got takes them. */
export type Timings = { readonly secureConnect?: number; readonly upload?: number; readonly response?: number };

/** How far a request got. */
export function phaseOf(timings: Timings | undefined): Phase {
  if (timings?.response !== undefined) return 'reading';
  return timings?.upload === undefined ? 'connecting' : 'waiting';
}

/** `endpoint` for what is known of the way there; without it the phase is none of the way. */
export function lateAnswer(where: string, phase: Phase, endpoint?: Endpoint): PsiError {
  const unused = phase === 'connecting' ? (endpoint?.way.unused ?? '') : '';
  return new PsiError('DEADLINE', `infisical at ${where} did not answer in time: ${PHASES[phase]}${unused}`, {
    hint: hintFor(phase, where, endpoint),
    retry: 'later',
    details: { phase },
  });
}

/** For somebody who waited for a login. `request` is what its request says of itself; undefined: there is none yet. */
export function lateLogin(where: string, request: PsiError | undefined): PsiError {
  if (request?.details['phase'] === 'connecting') return request;
  return lateAnswer(where, request ? 'login' : 'preparing');
}

function hintFor(phase: Phase, where: string, endpoint: Endpoint | undefined): string {
  switch (phase) {
    case 'preparing':
      return '`podman exec psi psi infisical login` tries it by itself, and says what it waits for';
    case 'connecting':
      return endpoint?.way.proxy
        ? `a firewall that drops packets? try ${trial(endpoint)}`
        : `a firewall that drops packets? try \`curl -v telnet://${where}\` on this host${orByProxy(endpoint?.way)}`;
    case 'login':
    case 'waiting':
    case 'reading':
      return 'look at the load and the log of the infisical server';
  }
}

export function connectionFailure(code: string, endpoint: Endpoint): PsiError {
  const { apiUrl, where, way } = endpoint;
  if (way.proxy && apiUrl.startsWith('http:') && !BEHIND.has(code)) {
    const url = `${apiUrl}/api/status`;
    return proxyError({
      code,
      proxy: way.proxy,
      target: where,
      step: 'proxy',
      status: undefined,
      url,
      unused: way.unused,
    });
  }
  const { message, init } = describe(code, endpoint);
  return new PsiError('PROVIDER_DOWN', `${message}${wayWords(way)}`, { ...init, details: { cause: code } });
}

/** What may be the server's doing too where the connection is one to a proxy. */
const BEHIND = new Set(['ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH']);

function trial({ apiUrl, way: { proxy } }: Endpoint): string {
  return `\`curl -v ${proxy === undefined ? '' : `-x ${proxy.shown} `}${apiUrl}/api/status\` on this host`;
}

const NOT_TRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
]);

/** Many a proxy opens TLS and signs by an authority of its own. */
function openedBy({ host, port }: Proxy, where: string): string {
  return `; \`openssl s_client -proxy ${authority({ host, port })} -connect ${where} -showcerts\` shows who did`;
}

/** Where only a proxy leads out, names are not resolved either. */
function orByProxy(way: Way | undefined): string {
  return way?.proxy ? '' : '; where only a proxy leads out: `proxy` of the provider, or HTTPS_PROXY in psi.container';
}

function describe(code: string, endpoint: Endpoint): { readonly message: string; readonly init: ErrorInit } {
  const { where, way } = endpoint;
  const host = where.replace(/:\d+$/, '');
  const check = trial(endpoint);
  if (NOT_TRUSTED.has(code)) {
    return {
      message: `the certificate of infisical at ${where} is not trusted (${code.toLowerCase().replaceAll('_', ' ')})`,
      init: {
        hint: `set \`ca_cert\` to the PEM file of the authority that signed it, below /etc/psi${way.proxy ? openedBy(way.proxy, where) : ''}`,
      },
    };
  }
  if (code.startsWith('HPE_')) {
    return {
      message: `what answers at ${where} does not speak HTTP`,
      init: { hint: `check scheme and port of \`api_url\`: ${check}` },
    };
  }
  if (endpoint.certified && /^ERR_SSL_\w*ALERT/.test(code)) {
    return {
      message: `infisical at ${where} does not take the client certificate (${code})`,
      init: {
        hint: 'compare its authority and its end with what the proxy in front of infisical trusts: `openssl x509 -in FILE -noout -issuer -dates`',
      },
    };
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return {
      message: `no TLS connection to infisical at ${where} came about (${code})`,
      init: { hint: `check scheme and port of \`api_url\`: ${check}` },
    };
  }
  switch (code) {
    case 'ECONNREFUSED':
      return {
        message: `nobody listens for infisical at ${where}: connection refused`,
        init: { hint: `is the server up, and \`api_url\` right? try ${check}`, retry: 'later' },
      };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        message: `the name of infisical's host cannot be resolved: ${host} (${code})`,
        init: {
          hint: `\`getent hosts ${host}\` on this host; is the network up, and \`api_url\` right?${orByProxy(way)}`,
          retry: 'later',
        },
      };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ERR_HTTP_CONTENT_LENGTH_MISMATCH':
      return {
        message: `infisical at ${where} closed the connection before its answer was complete (${code})`,
        init: { hint: `see the log of the server or of the proxy in front of it; try ${check}`, retry: 'later' },
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return {
        message: `no route to infisical at ${where} (${code})`,
        init: {
          hint: `is the network up? \`ip route get $(getent ahosts ${host} | awk '{print $1; exit}')\` on this host${orByProxy(way)}`,
          retry: 'later',
        },
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
    case 'HOSTNAME_MISMATCH':
      return {
        message: `the certificate at ${where} is made out to other names than ${host}`,
        init: { hint: 'use a name that stands in the certificate as `api_url`' },
      };
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return {
        message: `the certificate of infisical at ${where} ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}`,
        init: { hint: 'renew it on the server; if it is good, look at the clock of this host: `timedatectl`' },
      };
    default:
      return {
        message: `the connection to infisical at ${where} failed (${code})`,
        init: { hint: `try ${check}`, retry: 'later' },
      };
  }
}
