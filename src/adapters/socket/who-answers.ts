// Which PSI answers on the driver's path: the one in Python says `ok` where this one says who it is.

import { request } from 'node:http';

/** A psi that its socket starts answers as soon as it runs; one of Python's answers one request after another. */
const ASK_MS = 20_000;
const LONGEST_ANSWER = 64 * 1024;

export function whoAnswersAt(socketPath: string): Promise<'psi' | 'old' | 'nobody'> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(ASK_MS);
    const asked = request({ socketPath, path: '/healthz', agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text = `${text}${part}`.slice(0, LONGEST_ANSWER);
      });
      response.on('end', () => {
        resolve(text.trim() === 'ok' ? 'old' : /"instance"\s*:/.test(text) ? 'psi' : 'nobody');
      });
      response.on('error', () => {
        resolve('nobody');
      });
    });
    asked.on('error', () => {
      resolve('nobody');
    });
    asked.end();
  });
}
