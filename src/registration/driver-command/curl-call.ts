// How each of the driver's commands calls curl, and the words that they share.

import { PsiError } from '../../core/error.ts';
import { shellWord } from '../../core/text/shell.ts';
import { COMMAND_HEADER } from '../../lookup/host-curl.ts';

export type DriverCommandInput = {
  /** PSI's socket as the host sees it. */
  readonly socket: string;
  readonly maxTimeSeconds: number;
  /**
   * The file with the `Authorization:` line; undefined: the socket asks for no token. It has to be there before a secret is created
   * and as long as one names it: curl 8 fails without it, before it asks anybody.
   */
  readonly headerFile: string | undefined;
  /** The lookup helper on the host; the command is right where it is not there, too. */
  readonly helper: string;
};

/** PSI knows its own commands by it, here and in what Podman holds; the number is that of their shape, which any PSI may change. */
const COMMAND_MARK = `${COMMAND_HEADER}: 4`;

/** As in a command of any shape. */
export function holdsMark(command: string): boolean {
  return new RegExp(`'${COMMAND_HEADER}: \\d+'`).test(command);
}

/**
 * `-q`: a curlrc is read even without HOME, and an `output=` line there empties every value. `-f`: else the body of a 404 becomes
 * the value. No `-S`: the shell says what curl's exit status means, and what to run. `headerFile`: as a word of the shell.
 */
export function callFlags(headerFile: string | undefined): string {
  return `-q -sf -H '${COMMAND_MARK}'${headerFile === undefined ? '' : ` -H ${headerFile}`}`;
}

/** The file with the token as a word of curl's. */
export function headerWord({ headerFile }: DriverCommandInput): string | undefined {
  return headerFile === undefined ? undefined : pathWord(`@${headerFile}`);
}

/**
 * Prints nothing on success, when PSI's answer to these commands has no type: what stands on stdout is the value. On a failure it prints
 * the reason on stderr, which PSI gives as the type. A variable that curl 7.63 lacks may not stand here: an older curl complains about it
 * at each value (`%{onerror}` 7.75, `%header{}` 7.84). Before 7.76 curl reads no further than the status line of a refusal.
 */
export const REASON = "-w '%{stderr}%{content_type}'";

/** The commands to look at PSI's units with; those of a user have a socket in that user's own folder. */
export function unitCommands(socket: string): { readonly systemctl: string; readonly journalctl: string } {
  const user = /^\/run\/user\/\d+\//.test(socket) ? ' --user' : '';
  return { systemctl: `systemctl${user}`, journalctl: `journalctl${user} -u psi.service` };
}

// eslint-disable-next-line no-control-regex -- they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f]/;

/** A path in the command line that Podman freezes. */
export function pathWord(text: string): string {
  if (UNPRINTABLE.test(text)) {
    throw new PsiError('CONFIG_INVALID', 'a path for the driver command holds a control character', {
      hint: 'change `socket`, `state_dir` or `lookup.helper_dir` in the config',
    });
  }
  return shellWord(text);
}
