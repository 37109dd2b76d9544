// The server's own words in PSI's messages: one line, short, and nothing that looks like a token.

import { blanked } from '../../core/text/visible.ts';
import type { ServerAnswer } from './api.ts';
import type { ServerRefusal } from './codec.ts';

const LONGEST = 200;
/** What a cut leaves of a character of two units. */
const HALF = /[\ud800-\udbff]$/;
const JWT = /eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g;

export function oneLine(text: string): string {
  const line = blanked(text).replace(JWT, '[redacted]');
  return line.length > LONGEST ? `${line.slice(0, LONGEST).replace(HALF, '')}…` : line;
}

/** `: what it said [req-1]`, as far as it said anything. */
export function saying(refusal: ServerRefusal | undefined): string {
  const words = refusal?.message ? `: ${oneLine(refusal.message)}` : '';
  return `${words}${requestId(refusal)}`;
}

/** What support asks for. */
export function requestId(refusal: ServerRefusal | undefined): string {
  return refusal?.reqId === undefined ? '' : ` [${oneLine(refusal.reqId)}]`;
}

/** What a body is that should have been something else, without repeating any of it but the name of its first tag. */
export function looksLike({ contentType, body }: ServerAnswer): string {
  const text = body.trimStart();
  if (text === '') return 'an empty body';
  const tag = /^<[!/?]?([a-z][a-z0-9]*)/i.exec(text)?.[1];
  if (tag !== undefined)
    return /^(?:doctype|html|head|body)$/i.test(tag) ? 'HTML' : `a document (<${tag.slice(0, 20)}>)`;
  try {
    JSON.parse(text);
    return 'JSON of another shape';
  } catch {
    const type = /^[\w.+/-]{1,60}/.exec(contentType)?.[0] ?? '';
    return type.includes('json') ? 'JSON that is damaged or cut off' : `something else (${type || 'no content type'})`;
  }
}
