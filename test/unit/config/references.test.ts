import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { loadConfig } from '../../../src/config/load.ts';
import { references, secretVariables } from '../../../src/config/references.ts';
import { PROVIDER_KINDS } from '../../../src/wiring/provider-kinds.ts';

const load = (text: string) =>
  loadConfig({
    path: '/etc/psi/config.yaml',
    env: {},
    uid: 0,
    kinds: PROVIDER_KINDS,
    readFile: () => Promise.resolve(Buffer.from(text)),
  });

describe('references of a config', () => {
  it('are the files and credentials it names, each once', async () => {
    const config = await load(`
ca_cert: /etc/pki/ca.crt
socket_token: {credential: psi-socket-token}
providers:
  infisical:
    auth: {method: universal-auth, client_id: a, client_secret: {credential: infisical-client-secret}}
    proxy: {credential: psi-proxy}
    projects:
      one: {id: x, environment: prod}
      two: {id: y, environment: prod, auth: {method: universal-auth, client_id: b, client_secret: {file: /srv/two/secret}}}
`);
    assert.deepEqual(references(config), {
      caFiles: ['/etc/pki/ca.crt'],
      secretFiles: ['/srv/two/secret'],
      credentials: ['infisical-client-secret', 'psi-proxy', 'psi-socket-token'],
    });
  });

  it('are none when the config holds its values itself', async () => {
    const config = await load(`
providers:
  infisical:
    auth: {method: universal-auth, client_id: a, client_secret: s}
    projects: {one: {id: x, environment: prod}}
`);
    assert.deepEqual(references(config), { caFiles: [], secretFiles: [], credentials: [] });
  });

  it('are the variables that hold secrets, wherever they stand', async () => {
    const config = await load(`
socket_token: {env: SOCKET}
providers:
  infisical:
    auth: {method: ldap, identity_id: i, username: u, password: {env: PASSWORD}}
    projects:
      one: {id: x, environment: prod}
      two: {id: y, environment: prod, auth: {method: oidc, identity_id: i, jwt: {env: ID_TOKEN}}}
    proxy: {env: PROXY_URL}
`);
    assert.deepEqual([...secretVariables(config)].sort(), ['ID_TOKEN', 'PASSWORD', 'PROXY_URL', 'SOCKET']);
  });
});
