// The aws-auth login as server and STS judge it together: the signature is recomputed here from what was sent, by nobody's package.
import { createHash, createHmac } from 'node:crypto';
import type { AwsKeys } from '../metadata.ts';
import { ApiFailure } from './errors.ts';
import type { LoginRule } from './machine-logins.ts';

export interface AwsExpectation {
  readonly keys: () => AwsKeys;
  /** Of the one principal there is. */
  readonly arn: string;
  readonly allowedArns: readonly string[];
}

const SKEW_MS = 15 * 60_000;

export function acceptAws({ keys, arn, allowedArns }: AwsExpectation): LoginRule {
  return ({ body, now }) => {
    const method = body.optionalText('iamHttpRequestMethod') ?? 'POST';
    const content = unpack(body.text('iamRequestBody'));
    const headers = JSON.parse(unpack(body.text('iamRequestHeaders'))) as Readonly<Record<string, string>>;
    body.check();
    const authorization = headers['Authorization'] ?? headers['authorization'];
    if (authorization === undefined) throw new ApiFailure('bad-request', 'Missing Authorization header');
    const pattern =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([a-z0-9-]+)\/sts\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
    const [, accessKeyId, day = '', region = '', names = '', signature] = pattern.exec(authorization) ?? [];
    if (region === '' || region.length > 20) throw new ApiFailure('bad-request', 'Invalid AWS region');
    const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()]));
    const known = keys();
    const date = lower.get('x-amz-date') ?? '';
    const signed = names.split(';');
    const must = ['host', ...[...lower.keys()].filter((name) => name.startsWith('x-amz-'))];
    const canonical = [
      method,
      '/',
      '',
      ...signed.map((name) => `${name}:${lower.get(name) ?? ''}`),
      '',
      names,
      sha256(content),
    ].join('\n');
    const scope = `${day}/${region}/sts/aws4_request`;
    const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
    const key = [day, region, 'sts', 'aws4_request'].reduce<string | Buffer>(
      (secret, part) => createHmac('sha256', secret).update(part).digest(),
      `AWS4${known.secretAccessKey}`,
    );
    const good =
      accessKeyId === known.accessKeyId &&
      lower.get('x-amz-security-token') === known.sessionToken &&
      lower.get('host') === `sts.${region}.amazonaws.com` &&
      !lower.has('accept') &&
      content === 'Action=GetCallerIdentity&Version=2011-06-15' &&
      lower.get('content-length') === String(content.length) &&
      must.every((name) => signed.includes(name)) &&
      Math.abs(timeOf(date) - now) < SKEW_MS &&
      createHmac('sha256', key).update(toSign).digest('hex') === signature;
    if (!good) throw new ApiFailure('internal', 'Request failed with status code 403');
    if (allowedArns.includes(arn)) return;
    throw new ApiFailure('unauthorized', 'Access denied: AWS principal ARN not allowed.');
  };
}

function unpack(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function timeOf(date: string): number {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  return Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
}
