// A face whose packages are loaded with its first request: a start that has lookups to answer does not wait for them.

import type { RequestListener } from 'node:http';
import type { PsiError } from '../core/error.ts';
import { Late } from '../core/late.ts';
import { sendError } from './error-to-response.ts';

/** `onError`: the request was refused, as what answers it could not be loaded. */
export function lateFace(
  load: () => Promise<RequestListener>,
  onError: (error: PsiError, route: string) => void,
): RequestListener {
  const face = new Late(load);
  return (request, response) => {
    const failed = (thrown: unknown): void => {
      onError(sendError(response, thrown), request.method ?? '');
    };
    face
      .get()
      .then((answer) => {
        answer(request, response);
      })
      .catch(failed);
  };
}
