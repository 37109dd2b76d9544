// Stack traces of the build name the sources, by the maps beside its files. In the build alone. Node's own support reads the map of each file
// that is loaded: 15 ms of a start. Here none is read before somebody looks at a stack.

import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';

/** As a stack has it. */
type Frame = NodeJS.CallSite & { readonly toString: () => string };

const MAPS = new Map<string, SourceMap | undefined>();

Error.prepareStackTrace = (error, frames: Frame[]) =>
  [String(error), ...frames.map((frame) => `    at ${sourceFrame(frame)}`)].join('\n');

function sourceFrame(frame: Frame): string {
  const text = frame.toString();
  const [file, line, column] = [frame.getFileName(), frame.getLineNumber(), frame.getColumnNumber()];
  if (!file?.startsWith(import.meta.dirname) || line === null || column === null) return text;
  const entry = mapOf(file)?.findEntry(line - 1, column - 1);
  if (!entry || !('originalSource' in entry)) return text;
  const place = [resolve(dirname(file), entry.originalSource), entry.originalLine + 1, entry.originalColumn + 1];
  return text.replace(`${file}:${String(line)}:${String(column)}`, () => place.join(':'));
}

function mapOf(file: string): SourceMap | undefined {
  if (!MAPS.has(file)) MAPS.set(file, read(`${file}.map`));
  return MAPS.get(file);
}

/** A stack must not fail for want of a map. */
function read(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, 'utf8')) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
