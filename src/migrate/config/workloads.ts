// `workloads:`: each keeps its secrets' names, and its drop-in stays where it was.

import { isWorkloadName, printable } from '../../core/naming.ts';
import { given, isRecord, listOf, mapOf, type Plain } from '../plain.ts';
import type { Remarks } from '../remarks.ts';
import { TOKENS } from './nitrokeyhsm.ts';
import { flag, needed, strangers, text } from './fields.ts';

/** `providers`: names that the config has. */
export function workloads(value: unknown, providers: readonly string[], remarks: Remarks): Plain | undefined {
  if (value === undefined) return undefined;
  if (!isRecord(value)) {
    remarks.refuse('workloads', 'it is no map; the Python PSI refuses it too', 'remove it, or write workloads');
    return undefined;
  }
  const result: Record<string, unknown> = {};
  const taken = new Set(Object.keys(value));
  for (const [name, one] of Object.entries(value)) {
    const at = `workloads.${printable(name)}`;
    const kept = workload(mapOf(one), at, providers, remarks);
    if (kept === undefined) continue;
    if (isWorkloadName(name)) result[name] = kept;
    else renamed(name, kept, { at, taken, result }, remarks);
  }
  return result;
}

type Renaming = { readonly at: string; readonly taken: Set<string>; readonly result: Record<string, unknown> };

const UNIT_FILE = /^[A-Za-z0-9_][A-Za-z0-9:_.-]*(?:@[A-Za-z0-9:_.-]*)?$/;

/** Another name with the same quadlet: the names of its secrets are new ones. */
function renamed(name: string, kept: Plain, { at, taken, result }: Renaming, remarks: Remarks): void {
  const other = freeName(name, taken);
  if (other === undefined || !UNIT_FILE.test(name)) {
    const hint =
      'rename its quadlet and the workload, with letters, digits, `.`, `_` and single `-`, then run this again';
    remarks.refuse(at, 'psi takes no such name', hint);
    return;
  }
  taken.add(other);
  result[other] = { unit: `${name}.container`, ...kept };
  const reason = `psi takes no such name: it is ${other} with the unit ${name}.container, and its secrets are ${other}--KEY in Podman`;
  remarks.note(at, reason, `change what names ${name}--KEY by hand; then \`psi prune\` takes the old ones`);
}

function freeName(name: string, taken: ReadonlySet<string>): string | undefined {
  const plain = name
    .replaceAll(/-{2,}/g, '-')
    .replace(/-(@?)$/, '_$1')
    .replace(/^[^A-Za-z0-9]+/, '');
  const names = [plain, ...[2, 3, 4, 5, 6, 7, 8, 9].map((count) => `${plain.replace(/@$/, '')}-${String(count)}`)];
  return names.find((one) => isWorkloadName(one) && !taken.has(one));
}

function workload(entry: Plain, at: string, providers: readonly string[], remarks: Remarks): Plain | undefined {
  strangers(remarks, entry, ['provider', 'unit', 'depends_on', 'secrets'], `${at}.`);
  const provider = text(remarks, entry, 'provider', `${at}.`) ?? 'infisical';
  if (!providers.includes(provider)) {
    remarks.refuse(
      `${at}.provider`,
      `there is no "${printable(provider)}" under providers; the Python PSI refuses it too`,
      'name one that is there, or remove the workload',
    );
    return undefined;
  }
  if (TOKENS.includes(provider)) {
    remarks.note(at, `a workload of ${provider} got nothing by setup, neither secrets nor lines: it is left out`);
    return undefined;
  }
  const { unit } = entry;
  if (typeof unit === 'string')
    remarks.note(
      `${at}.unit`,
      `it had no effect: the drop-in went to the quadlet of the workload's own name, and still does`,
      `if ${printable(unit)} is its quadlet, write unit there again`,
    );
  const dependsOn =
    entry['depends_on'] === undefined ? undefined : dependencies(entry['depends_on'], `${at}.depends_on`, remarks);
  const secrets = listOf(entry['secrets']).map((one, index) => source(one, `${at}.secrets.${String(index)}.`, remarks));
  return given({ provider, depends_on: dependsOn, secrets: entry['secrets'] === undefined ? undefined : secrets });
}

const UNIT = /^[A-Za-z0-9:_.\\@-]+\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/;
const QUADLET = /^(.+)\.(container|pod|volume|network|kube|image|build)$/;
const OURS: Readonly<Record<string, string>> = {
  'psi-secrets.service': 'psi.service',
  'psi-secrets-setup.service': 'psi-infisical-setup.service',
};

function dependencies(value: unknown, at: string, remarks: Remarks): readonly string[] {
  if (!Array.isArray(value)) {
    remarks.refuse(at, 'it is no list; the Python PSI refuses it too', 'write [NAME.service]');
    return [];
  }
  const units = listOf(value).flatMap((one, index) => {
    if (typeof one !== 'string') {
      remarks.refuse(`${at}.${String(index)}`, 'it is no text; the Python PSI refuses it too', 'write NAME.service');
      return [];
    }
    // systemd reads each line as words.
    return one.split(/\s+/).flatMap((word) => unitOf(word, `${at}.${String(index)}`, remarks) ?? []);
  });
  return [...new Set(units)];
}

function unitOf(word: string, at: string, remarks: Remarks): string | undefined {
  if (word === '') return undefined;
  const ours = OURS[word];
  if (ours !== undefined) {
    remarks.note(at, `${word} is ${ours} now`);
    return ours;
  }
  if (UNIT.test(word) && !word.startsWith('-')) return word;
  const [, stem = word, kind] = QUADLET.exec(word) ?? [];
  const meant = `${stem}${kind === undefined || kind === 'container' || kind === 'kube' ? '' : `-${kind}`}.service`;
  if (!UNIT.test(meant) || meant.startsWith('-')) {
    remarks.note(at, `"${printable(word)}" is no unit, and systemd ignored it: it is left out`, 'write NAME.service');
    return undefined;
  }
  remarks.note(at, `systemd ignored "${printable(word)}", which has no suffix of a unit: it is ${meant} now`);
  return meant;
}

function source(value: unknown, at: string, remarks: Remarks): Plain {
  const entry = mapOf(value);
  strangers(remarks, entry, ['project', 'path', 'recursive'], at);
  const folder = text(remarks, entry, 'path', at);
  return given({
    project: needed(remarks, entry, 'project', at),
    path: folder === undefined || folder.startsWith('/') ? folder : `/${folder}`,
    recursive: flag(remarks, entry, 'recursive', at),
  });
}
