// Where systemd's credentials lie in PSI's container.

type Env = Readonly<Record<string, string | undefined>>;

/** Those that units of their own decrypted, then those of psi.service itself, which a drop-in may load. */
export function credentialFolders(env: Env): readonly string[] {
  return [env['PSI_CREDENTIALS_DIRECTORY'], env['CREDENTIALS_DIRECTORY']].filter(
    (folder): folder is string => folder !== undefined && folder !== '',
  );
}

/** What somebody does about a credential that is not there. */
export function credentialHint(env: Env, name: string): string {
  if (env['PSI_CREDENTIALS_DIRECTORY'] === undefined) {
    return `make it with \`systemd-creds encrypt --name=${name} - /etc/credstore.encrypted/${name}\`; \`psi systemd install\` writes the unit that loads it`;
  }
  const unit = `psi-credential@${name}.service`;
  return `\`systemctl status ${unit}\` says why; mend it or make it anew (\`systemd-creds encrypt --name=${name} - /etc/credstore.encrypted/${name}\`), then \`systemctl restart ${unit}\``;
}
