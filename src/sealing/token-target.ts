// Which key of which token an HSM backend uses, as the config names it.

/** Which module, token and key. Undefined: any, as long as there is only one. */
export type TokenTarget = {
  readonly module: string;
  readonly libraryParameters: string | undefined;
  readonly token: {
    readonly label: string | undefined;
    readonly serial: string | undefined;
    readonly slot: number | undefined;
  };
  /** `id` is lower-case hex. */
  readonly key: { readonly label: string | undefined; readonly id: string | undefined };
};
