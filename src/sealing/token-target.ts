// Which key of which token an HSM backend uses, as the config names it.

/** Which module, token and key. Undefined: any, as long as there is only one. */
export type TokenTarget = {
  readonly module: string;
  readonly libraryParameters: string | undefined;
  readonly token: {
    readonly label: string | undefined;
    readonly serial: string | undefined;
    readonly slot: number | undefined;
    /** Instead of a number: its place among the slots that have a token, from 0, as the Python PSI counted them. */
    readonly index?: number;
  };
  /** `id` is lower-case hex. */
  readonly key: {
    readonly label: string | undefined;
    readonly id: string | undefined;
    /** The first one with the id, or where there is none the first with the label, as the Python PSI searched. */
    readonly either?: true;
  };
};
