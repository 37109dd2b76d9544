// Which containers name secrets, over Podman's REST API. What a container got as a file stands in its config; what it got as a variable
// stands nowhere but in the command that made it, so both are looked at. One made over the API alone, with a variable, cannot be told.

import type { SecretUser, SecretUsers } from '../../registration/secret-users.ts';
import { decodeContainer, decodeContainers, type ShownContainer } from './codec.ts';
import { refusal } from './errors.ts';
import { createPodmanApi, type PodmanApi } from './modem.ts';

/** For one container: its start may hold its lock while lookups are answered. */
const TIMEOUT_MS = 60_000;
const CONTAINERS = '/v4.0.0/libpod/containers';
const AT_ONCE = 4;

/** An id as Podman gives it: it becomes part of a path. */
const CONTAINER_ID = /^[0-9a-f]{12,64}$/;

export function createSecretUsers(options: { readonly socketPath: string }): SecretUsers {
  const api = createPodmanApi({ timeoutMs: TIMEOUT_MS, ...options });
  return { list: () => secretUsers(api) };
}

async function secretUsers(api: PodmanApi): Promise<readonly SecretUser[]> {
  const answer = await api({ method: 'GET', path: `${CONTAINERS}/json`, query: { all: 'true' } });
  const ids = answer.status === 200 ? decodeContainers(answer.body.toString('utf8')) : undefined;
  if (!ids?.every((id) => CONTAINER_ID.test(id))) throw refusal('list its containers', answer);
  const users: SecretUser[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const shown = await Promise.all(ids.slice(at, at + AT_ONCE).map((id) => secretUser(api, id)));
    users.push(...shown.flatMap((user) => (user && user.secrets.size > 0 ? [user] : [])));
  }
  return users;
}

/** Undefined: it is gone by now. */
async function secretUser(api: PodmanApi, id: string): Promise<SecretUser | undefined> {
  const answer = await api({ method: 'GET', path: `${CONTAINERS}/${id}/json` });
  if (answer.status === 404) return undefined;
  const shown = answer.status === 200 ? decodeContainer(answer.body.toString('utf8')) : undefined;
  if (!shown) throw refusal(`show the container ${id}`, answer);
  return { container: shown.name || id, secrets: new Set([...shown.secrets, ...namedBy(shown)]) };
}

/** The secrets of `--secret NAME,type=env` and `--secret=NAME`. Words of the container's own command count too: nothing is lost by that. */
function namedBy({ command }: ShownContainer): readonly string[] {
  return command.flatMap((word, index) => {
    const value = word.startsWith('--secret=') ? word.slice('--secret='.length) : undefined;
    const given = value ?? (command[index - 1] === '--secret' ? word : undefined);
    return given === undefined ? [] : [given.split(',')[0] ?? ''];
  });
}
