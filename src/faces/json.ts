// What both sockets answer with, and people look at by `curl`.

import type { ServerResponse } from 'node:http';
import { visibleJson } from '../core/text/visible.ts';

export function sendJson(response: ServerResponse, body: unknown): void {
  const bytes = Buffer.from(visibleJson(JSON.stringify(body)));
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('content-length', bytes.byteLength);
  response.end(bytes);
}
