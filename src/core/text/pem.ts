// A PEM text as its blocks, each with its place in the text. Whether a block can be read is for whoever knows what is in it.

export type PemBlock = {
  /** What stands behind BEGIN: `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string;
  /** From 1. */
  readonly number: number;
  /** Of its BEGIN, from 1. */
  readonly line: number;
  /** From BEGIN to END, both included. */
  readonly text: string;
  /** Ends before its END: by the next BEGIN, or with the text. */
  readonly open: boolean;
};

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,40})-----\s*$/;
const END = /^-----END ([A-Z0-9 ]{1,40})-----\s*$/;

/** What stands between blocks is left out, as OpenSSL does. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let begun: { readonly label: string; readonly line: number; readonly lines: string[] } | undefined;
  const close = (open: boolean): void => {
    if (begun === undefined) return;
    const { label, line, lines } = begun;
    blocks.push({ label, line, open, number: blocks.length + 1, text: `${lines.join('\n')}\n` });
    begun = undefined;
  };
  for (const [index, one] of text.split(/\r\n|\n|\r/).entries()) {
    const label = BEGIN.exec(one)?.[1];
    if (label !== undefined) {
      close(true);
      begun = { label, line: index + 1, lines: [] };
    }
    begun?.lines.push(one.trimEnd());
    const ended = END.exec(one)?.[1];
    if (begun !== undefined && ended !== undefined) close(ended !== begun.label);
  }
  close(true);
  return blocks;
}

/** Those that hold a certificate, by the names that OpenSSL takes for one. */
export function certificateBlocks(text: string): readonly PemBlock[] {
  return pemBlocks(text).filter(({ label }) => /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label));
}
