// Which of the configured providers a command is about.

import type { WantedCertificate } from '../certificates/certificate.ts';
import { PsiError } from '../core/error.ts';
import type { Provider, ProviderConfig } from './provider.ts';
import type { CertificateAuthority } from '../certificates/certificate-authority.ts';
import type { SecretWriter } from './secret-writer.ts';

/** `file`: the config, for messages. */
export type Configured<C extends ProviderConfig> = {
  readonly file: string;
  readonly providers: ReadonlyMap<string, C>;
};

export type Chosen<C extends ProviderConfig> = { readonly name: string; readonly config: C };

/** The one that has a project. A name that two have is refused: a write could go to the wrong one. */
export function providerOfProject<C extends ProviderConfig>(
  { file, providers }: Configured<C>,
  project: string,
): Chosen<C> {
  const having = chosenOf(providers).filter(({ config }) => config.projects.has(project));
  const [found, ...others] = having;
  if (found && others.length === 0) return found;
  if (found) {
    throw new PsiError('USAGE', `${file}: several providers have a project ${project}: ${namesOf(having)}`, {
      hint: 'give it another name under one of them',
    });
  }
  const known = [...providers.values()].flatMap(({ projects }) => [...projects.keys()]);
  throw new PsiError('NOT_FOUND', `the project ${project} is not in ${file}`, {
    hint: known.length === 0 ? 'add it under `projects` of the provider' : `use one of: ${known.join(', ')}`,
  });
}

/** The same identity in another environment of a project; undefined: in the one of the config. */
export function inEnvironment<C extends ProviderConfig>(
  config: C,
  project: string,
  environment: string | undefined,
): C {
  const configured = config.projects.get(project);
  if (!configured || environment === undefined) return config;
  return { ...config, projects: new Map([[project, { ...configured, environment }]]) };
}

/** The one that has certificates; where none has any, one that could have. */
export function providerOfCertificates<C extends ProviderConfig>({ file, providers }: Configured<C>): Chosen<C> {
  const able = chosenOf(providers).filter(({ config }) => config.certificates !== undefined);
  const having = able.filter(({ config }) => config.certificates?.size !== 0);
  const [found, ...others] = having.length > 0 ? having : able.slice(0, 1);
  if (!found) {
    throw new PsiError('CONFIG_INVALID', `${file}: there is no provider that issues certificates`, {
      hint: 'see docs/config.example.yaml',
    });
  }
  if (others.length === 0) return found;
  throw new PsiError('CONFIG_INVALID', `${file}: several providers have certificates: ${namesOf(having)}`, {
    hint: 'put all `tls.certificates` under one provider',
  });
}

export function certificatesOf({ certificates }: ProviderConfig): readonly WantedCertificate[] {
  return [...(certificates ?? [])].map(([name, certificate]) => ({ name, ...certificate }));
}

export function writerOf({ words, writer }: Pick<Provider, 'words' | 'writer'>): SecretWriter {
  if (writer) return writer;
  throw new PsiError('USAGE', `psi only reads from ${words.name}`, {
    hint: "put them there by the provider's own means",
  });
}

export function authorityOf({ words, authority }: Pick<Provider, 'words' | 'authority'>): CertificateAuthority {
  if (authority) return authority;
  throw new PsiError('CONFIG_INVALID', `${words.name} issues no certificates`, {
    hint: 'see docs/config.example.yaml',
  });
}

function namesOf(chosen: readonly { readonly name: string }[]): string {
  return chosen.map(({ name }) => name).join(', ');
}

function chosenOf<C extends ProviderConfig>(providers: ReadonlyMap<string, C>): readonly Chosen<C>[] {
  return [...providers].map(([name, config]) => ({ name, config }));
}
