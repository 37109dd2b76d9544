// Hints name commands and paths of the host's PSI. Who runs one as an ordinary user has a systemd, a store of credentials and folders of
// his own: for him each hint is turned into what he can type.

import type { Scope } from '../scope.ts';

let scope: Scope = 'system';

/** Whom the hints of this process are for. Said once, at its start. */
export function speakTo(whom: Scope): void {
  scope = whom;
}

export function spoken(hint: string): string {
  return scope === 'user' ? userHint(hint) : hint;
}

/** The same again of its own answer: an error may have come from a service that has turned it already. */
export function userHint(hint: string): string {
  return REWRITES.reduce((text, [pattern, instead]) => text.replaceAll(pattern, instead), hint);
}

// What stays is the host's own whoever asks: its card daemon, its firmware, its kernel's messages.
const REWRITES: readonly (readonly [RegExp, string])[] = [
  [/\bsystemctl (?!--user\b|reboot\b|[a-z-]+ pcscd\b)/g, 'systemctl --user '],
  [/\bjournalctl -u (?!pcscd\b)/g, 'journalctl --user -u '],
  [/\bsystemd-creds (encrypt|decrypt) (?!--user\b)/g, 'systemd-creds $1 --user '],
  [/(^|[\s`'"(=:])\/etc\/credstore\.encrypted(?![\w-])/g, '$1~/.config/credstore.encrypted'],
  [/(^|[\s`'"(=:])\/etc\/psi(?![\w-])/g, '$1~/.config/psi'],
  [/(^|[\s`'"(=:])\/etc\/containers\/systemd(?![\w-])/g, '$1~/.config/containers/systemd'],
  [/(^|[\s`'"(=:])\/var\/lib\/psi(?![\w-])/g, '$1~/.local/share/psi'],
];
