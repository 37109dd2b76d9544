// Parts of packages that PSI never comes to, and that cost a start or its memory all the same: the build has something small in their place. A
// package that no longer looks as it does here ends the build, so that somebody looks again.
import { readFileSync } from 'node:fs';

const unused = (why) => `() => { throw new Error('${why}'); }`;

/** docker-modem loads its way over ssh, with a client of 25 files, whether it is asked for or not. */
const SSH = {
  of: /\/docker-modem\/lib\/ssh\.js$/,
  change: () => `module.exports = ${unused('there is no way over ssh in this build')};`,
};

/** got has a client of HTTP/2, which it uses where `http2` is set: with node:http2 under it 3 MB and 8 ms of a first call. */
const HTTP2 = {
  of: /\/got\/dist\/source\/core\/utils\/http2-client\.js$/,
  change: () => `export default { auto: ${unused('there is no HTTP/2 in this build')}, globalAgent: undefined };`,
};

/** It asks whether a stream is one of an HTTP/2 server's: none is. */
const HTTP2_STREAMS = {
  of: /\/got\/dist\/source\/core\/index\.js$/,
  change: (text) =>
    replaced(
      text,
      /import \{ Http2ServerResponse, constants as http2Constants \} from 'node:http2';/g,
      'class Http2ServerResponse {}\nconst http2Constants = {};',
      1,
    ),
};

/** Of the words of two messages: at its load it has all of a language's rules read, 6 MB and 15 ms. */
const LIST_FORMATS = {
  of: /\/@sindresorhus\/is\/distribution\/index\.js$/,
  change: (text) =>
    replaced(
      text,
      /new Intl\.ListFormat\(([^()]*)\)/g,
      '({ format: (words) => new Intl.ListFormat($1).format(words) })',
      2,
    ),
};

function replaced(text, what, by, times) {
  const found = text.match(what)?.length ?? 0;
  if (found !== times) throw new Error(`found ${what} ${found} times, not ${times}`);
  return text.replace(what, by);
}

const PARTS = [SSH, HTTP2, HTTP2_STREAMS, LIST_FORMATS];

export const withoutUnusedParts = {
  name: 'without-unused-parts',
  setup: ({ onLoad, onEnd }) => {
    const missing = new Set(PARTS);
    for (const part of PARTS) {
      onLoad({ filter: part.of }, ({ path }) => {
        missing.delete(part);
        return { contents: part.change(readFileSync(path, 'utf8')) };
      });
    }
    onEnd(() => {
      for (const { of } of missing)
        throw new Error(`no package has a file ${of} any more: see scripts/unused-parts.mjs`);
    });
  },
};
