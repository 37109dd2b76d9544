// Hints as an ordinary user can type them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userHint } from '../../../src/core/text/user-hints.ts';

const ROWS: readonly (readonly [string, string])[] = [
  ['see `systemctl status psi.service psi.socket`', 'see `systemctl --user status psi.service psi.socket`'],
  ['run `systemctl daemon-reload`', 'run `systemctl --user daemon-reload`'],
  ['see `journalctl -u psi`', 'see `journalctl --user -u psi`'],
  [
    'make it: `systemd-creds encrypt --name=a - /etc/credstore.encrypted/a`',
    'make it: `systemd-creds encrypt --user --name=a - ~/.config/credstore.encrypted/a`',
  ],
  ['put the file below /etc/psi', 'put the file below ~/.config/psi'],
  ['/var/lib/psi/cache.enc', '~/.local/share/psi/cache.enc'],
  // The host's own.
  [
    'see `systemctl status pcscd` and `journalctl -k --grep=usb`',
    'see `systemctl status pcscd` and `journalctl -k --grep=usb`',
  ],
  ['`systemctl reboot --firmware-setup`', '`systemctl reboot --firmware-setup`'],
  // Not these folders.
  ['/home/ann/etc/psi and /etc/psi-other', '/home/ann/etc/psi and /etc/psi-other'],
];

test('names the systemd, the store and the folders of the user, and leaves what is the host’s', () => {
  for (const [hint, wanted] of ROWS) assert.equal(userHint(hint), wanted);
});

test('leaves a hint that is turned already as it is', () => {
  for (const [, wanted] of ROWS) assert.equal(userHint(wanted), wanted);
});
