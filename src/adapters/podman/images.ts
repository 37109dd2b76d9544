// Is an image on this host? Over Podman's REST API.

import { refusal } from './errors.ts';
import { createPodmanApi } from './modem.ts';

const TIMEOUT_MS = 60_000;
const IMAGES = '/v4.0.0/libpod/images';

/** Failure: HOST. */
export function createImageLook(options: { readonly socketPath: string }): (image: string) => Promise<boolean> {
  const api = createPodmanApi({ timeoutMs: TIMEOUT_MS, ...options });
  return async (image) => {
    const answer = await api({ method: 'GET', path: `${IMAGES}/${encodeURIComponent(image)}/exists` });
    if (answer.status !== 204 && answer.status !== 404) throw refusal(`look for the image ${image}`, answer);
    return answer.status === 204;
  };
}
