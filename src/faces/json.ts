// What both sockets answer with, and people look at by `curl`.

import type { Response } from 'express';
import { visibleJson } from '../core/text/visible.ts';

export function sendJson(response: Response, body: unknown): void {
  response.type('json').send(visibleJson(JSON.stringify(body)));
}
