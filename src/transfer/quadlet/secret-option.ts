// One word of `Secret=`, as `podman run --secret` reads it.

export type SecretOption = {
  readonly name: string;
  readonly kind: 'env' | 'mount';
  /** The variable; undefined for mounts. */
  readonly variable: string | undefined;
};

/** undefined: Podman does not take it, and the container does not start. */
export function parseSecretOption(word: string): SecretOption | undefined {
  let name: string | undefined;
  let kind: string | undefined;
  let target: string | undefined;
  for (const [index, part] of word.split(',').entries()) {
    const equals = part.indexOf('=');
    const key = equals === -1 ? undefined : part.slice(0, equals);
    const value = part.slice(equals + 1);
    if (key === undefined && index === 0) name = value;
    else if (key === 'source') name = value;
    else if (key === 'type') kind = value;
    else if (key === 'target') target = value;
    else if (key === undefined || !['uid', 'UID', 'gid', 'GID', 'mode'].includes(key)) return undefined;
  }
  if (name === undefined || name === '') return undefined;
  if (kind === 'env') return { name, kind, variable: target === undefined || target === '' ? name : target };
  return kind === undefined || kind === 'mount' ? { name, kind: 'mount', variable: undefined } : undefined;
}
