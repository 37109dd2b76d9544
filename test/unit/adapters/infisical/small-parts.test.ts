// The provider's small decisions: how long a token lives, how long to wait, what can be a path, what may be said.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { connectionFailure, phaseOf } from '../../../../src/adapters/infisical/connection-errors.ts';
import { hasTag, tagOf } from '../../../../src/adapters/infisical/credential-tag.ts';
import { getRequest, isAddressable } from '../../../../src/adapters/infisical/requests.ts';
import { usableMs } from '../../../../src/adapters/infisical/token-life.ts';
import { askedWaitMs } from '../../../../src/adapters/infisical/asked-wait.ts';
import { looksLike, oneLine } from '../../../../src/adapters/infisical/words.ts';
import { SecretValue } from '../../../../src/core/secret-value.ts';

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
const HOUR = 3_600_000;

describe('a token may be used', () => {
  const cases: readonly (readonly [string, string, number | undefined, number | undefined, number])[] = [
    ['for the time the answer names', 'opaque', 3600, undefined, HOUR - 30_000],
    ['until the JWT ends if that is earlier', jwt({ iat: 1000, exp: 1600 }), 3600, undefined, 570_000],
    ['for the time the answer names if that is earlier', jwt({ iat: 0, exp: 9_999_999 }), 600, undefined, 570_000],
    ['for the time of the config if that is earlier', jwt({ iat: 0, exp: 3600 }), 3600, 300_000, 270_000],
    ['by the JWT alone when the server names no time', jwt({ iat: 0, exp: 3600 }), 0, undefined, HOUR - 30_000],
    ['for a day when nobody names a time', 'opaque', 0, undefined, 24 * HOUR - 30_000],
    ['for nine tenths of a short life', 'opaque', 10, undefined, 9_000],
    ['by the answer when the JWT cannot be read', 'e30.%%%.sig', 3600, undefined, HOUR - 30_000],
    ['by the answer when the JWT makes no sense', jwt({ iat: 2, exp: 1 }), 3600, undefined, HOUR - 30_000],
  ];
  for (const [what, accessToken, expiresIn, ttlMs, expected] of cases) {
    test(what, () => {
      assert.equal(usableMs({ accessToken, expiresIn }, ttlMs), expected);
    });
  }
});

describe('the wait a server asks for', () => {
  const now = Date.UTC(2026, 0, 1);
  test('is read from the header, in seconds or as a date, else from the text', () => {
    const wait = (retryAfter: string | undefined, body = ''): number | undefined =>
      askedWaitMs({ retryAfter, body }, now);
    assert.equal(wait('17'), 17_000);
    assert.equal(wait('Thu, 01 Jan 2026 00:00:05 GMT'), 5_000);
    assert.equal(wait('Thu, 01 Jan 2025 00:00:00 GMT'), 0);
    assert.equal(wait(undefined, 'Rate limit exceeded. Please try again in 42 seconds'), 42_000);
    assert.equal(wait('soon', 'try again in 1 second'), 1_000);
    assert.equal(wait(undefined, 'later'), undefined);
  });
});

describe('a name', () => {
  test('that is asked for by itself arrives as it is', () => {
    const target = { projectId: 'p', environment: 'e', path: '/' };
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        if (!isAddressable(key)) return;
        const { pathname } = new URL(getRequest('v4', target, key).path, 'http://server');
        assert.equal(decodeURIComponent(pathname.slice('/api/v4/secrets/'.length)), key);
        assert.equal(pathname.split('/').length, 5);
      }),
    );
  });
});

describe('the tag of a credential', () => {
  test('knows it again, knows no other, and differs each time', () => {
    const credential = SecretValue.fromText('a client secret');
    const tag = tagOf(credential);
    assert.ok(hasTag(credential, tag));
    assert.notEqual(tagOf(credential), tag);
    assert.equal(hasTag(SecretValue.fromText('another'), tag), false);
    for (const damaged of ['', ':', 'x', `${tag}0`]) assert.equal(hasTag(credential, damaged), false);
  });
});

describe('a body that is not the wanted one', () => {
  test('is described without repeating it', () => {
    const looks = (contentType: string, body: string): string =>
      looksLike({ status: 200, contentType, retryAfter: undefined, location: undefined, body });
    assert.equal(looks('text/html', ' <!DOCTYPE html><p>secret'), 'HTML');
    assert.equal(looks('text/xml', '<?xml version="1"?>'), 'a document (<xml>)');
    assert.equal(looks('application/json', '{"secret'), 'JSON that is damaged or cut off');
    assert.equal(looks('application/json', '{"secret":1}'), 'JSON of another shape');
    assert.equal(looks('text/plain; x=secret', 'secret'), 'something else (text/plain)');
    assert.equal(looks('', '\n'), 'an empty body');
  });

  test('gives words on one line, short, without tokens', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const line = oneLine(`${text} eyJhbGciOi.eyJzdWIi.c2ln`);
        // eslint-disable-next-line no-control-regex -- they must not be there
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]|eyJhbGciOi\.eyJzdWIi/);
        assert.doesNotMatch(line, /[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        assert.ok(line.length <= 201);
      }),
    );
  });
});

describe('a failed connection', () => {
  const way = { proxy: undefined, unused: '' };
  const endpoint = { apiUrl: 'https://infisical.example', where: 'infisical.example:443', way };
  const cases: readonly (readonly [string, RegExp, RegExp, 'no' | 'later'])[] = [
    ['ECONNREFUSED', /at infisical\.example:443: connection refused/, /curl -v/, 'later'],
    ['ENOTFOUND', /cannot be resolved: infisical\.example \(ENOTFOUND\)/, /getent hosts/, 'later'],
    ['EAI_AGAIN', /cannot be resolved/, /getent hosts/, 'later'],
    ['ECONNRESET', /closed the connection/, /log of the server/, 'later'],
    ['ENETUNREACH', /no route to infisical/, /ip route get/, 'later'],
    ['SELF_SIGNED_CERT_IN_CHAIN', /is not trusted/, /ca_cert/, 'no'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /is not trusted/, /ca_cert/, 'no'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /made out to other names/, /api_url/, 'no'],
    ['CERT_HAS_EXPIRED', /has expired/, /timedatectl/, 'no'],
    ['CERT_NOT_YET_VALID', /is not valid yet/, /timedatectl/, 'no'],
    ['EPROTO', /no TLS connection/, /scheme and port/, 'no'],
    ['HPE_INVALID_CONSTANT', /does not speak HTTP/, /scheme and port/, 'no'],
    ['ESOMETHING', /failed \(ESOMETHING\)/, /curl -v/, 'later'],
  ];
  for (const [code, message, hint, retry] of cases) {
    test(`by ${code} has its own words`, () => {
      const error = connectionFailure(code, endpoint);
      assert.equal(error.code, 'PROVIDER_DOWN');
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      assert.equal(error.retry, retry);
    });
  }

  test('knows how far it got', () => {
    assert.equal(phaseOf(undefined), 'connecting');
    assert.equal(phaseOf({ secureConnect: 1 }), 'connecting');
    assert.equal(phaseOf({ upload: 1 }), 'waiting');
    assert.equal(phaseOf({ upload: 1, response: 2 }), 'reading');
  });
});
