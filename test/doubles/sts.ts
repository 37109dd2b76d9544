// AWS's Security Token Service as far as a web identity needs it: AssumeRoleWithWebIdentity of its API reference (version 2011-06-15).
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Listener, type TlsMaterial } from './infisical/listener.ts';
import type { AwsKeys } from './metadata.ts';

export type StsDouble = {
  /** Host and port. */
  readonly host: string;
  /** The actions asked for. */
  readonly asked: readonly string[];
  readonly close: () => Promise<void>;
};

export async function startSts(keys: AwsKeys, tls: TlsMaterial): Promise<StsDouble> {
  const asked: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    asked.push(form.get('Action') ?? '');
    response.writeHead(200, { 'content-type': 'text/xml' }).end(assumed(keys));
  };
  const listener = new Listener((request, response) => void answer(request, response), {
    host: '127.0.0.1',
    port: 0,
    tls,
  });
  await listener.open();
  return { host: new URL(listener.url).host, asked, close: () => listener.close() };
}

function assumed({ accessKeyId, secretAccessKey, sessionToken }: AwsKeys): string {
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/psi-role/psi</Arn>
      <AssumedRoleId>AROAEXAMPLE:psi</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>${accessKeyId}</AccessKeyId>
      <SecretAccessKey>${secretAccessKey}</SecretAccessKey>
      <SessionToken>${sessionToken}</SessionToken>
      <Expiration>${expiration}</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>`;
}
