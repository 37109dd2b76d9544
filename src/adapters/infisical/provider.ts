// Infisical as a Provider: one server, with everything over one connection. Connects to nothing before the first call.

import { PsiError } from '../../core/error.ts';
import { reasonOf } from '../../config/schema/secret-field.ts';
import type { Provider, ProviderTools } from '../../provider/provider.ts';
import { createCertificateAuthority } from './certificates.ts';
import type { InfisicalConfig } from './config.ts';
import { createConnection } from './connection.ts';
import { identitiesOf, type Identities, type IdentitiesDeps } from './identities.ts';
import { INFISICAL_WORDS } from './provider-words.ts';
import { createInfisicalSource } from './source.ts';
import { createInfisicalWriter } from './writer.ts';

/** Fails with CONFIG_INVALID where `ca_cert` cannot be read. */
export async function openProvider(config: InfisicalConfig, tools: ProviderTools): Promise<Provider> {
  const deps = await depsOf(config, tools);
  const connection = createConnection(deps);
  let tried: Identities | undefined;
  return {
    words: INFISICAL_WORDS,
    source: createInfisicalSource(connection),
    writer: createInfisicalWriter(connection),
    authority: createCertificateAuthority(connection),
    identities: () => (tried ??= identitiesOf(deps)).identities,
    probe: connection.probe,
    close: () => {
      tried?.close();
      connection.close();
    },
  };
}

async function depsOf(config: InfisicalConfig, tools: ProviderTools): Promise<IdentitiesDeps> {
  const { clock, env, version, resolveSecret, tokenStore, bootId } = tools;
  return {
    ...config,
    ...{ clock, env, resolveSecret, tokenStore, bootId },
    caCert: config.caCert === undefined ? undefined : await certificateText(config.caCert, tools),
    caCertFile: config.caCert,
    userAgent: `psi/${version}`,
    answers: tools.answers,
  };
}

async function certificateText(path: string, { readFile }: ProviderTools): Promise<string> {
  try {
    return new TextDecoder().decode(await readFile(path));
  } catch (cause) {
    throw new PsiError('CONFIG_INVALID', `ca_cert ${path} ${reasonOf(cause)}`, {
      hint: 'in the container only mounted folders are there: put the file below /etc/psi',
      cause,
    });
  }
}
