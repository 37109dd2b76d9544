// Why Podman has to make a secret anew, in words: what the commands of now have otherwise than those that it froze.

import { COMMAND_HEADER } from '../../lookup/host-curl.ts';
import type { DriverOptions } from '../registered-secret.ts';
import { neededByDelete } from './options.ts';

export function differences(options: DriverOptions, frozen: Readonly<Record<string, string>>): string {
  const [now, before] = [neededByDelete(options), neededByDelete(frozen)];
  const [wait, waited] = [seconds(options), seconds(frozen)];
  const words = [
    ...(now.socket === before.socket ? [] : [`they ask at ${now.socket ?? 'another socket'}`]),
    ...(now.headerFile === before.headerFile ? [] : [`they send ${now.headerFile ? 'the' : 'no'} socket token`]),
    ...(wait === waited ? [] : [`they wait ${wait ?? '?'} s, and waited ${waited ?? '?'}`]),
    ...(shape(options) === shape(frozen) ? [] : ['they are those of another version of psi']),
  ];
  return words.length === 0 ? 'their text is another one' : words.join(', ');
}

type Texts = Readonly<Record<string, string>>;

function seconds({ store = '' }: Texts): string | undefined {
  return /--max-time (\d+)/.exec(store)?.[1];
}

function shape({ store = '' }: Texts): string | undefined {
  return new RegExp(`${COMMAND_HEADER}: (\\d+)`).exec(store)?.[1];
}
