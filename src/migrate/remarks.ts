// What a migration has to say: lines of the plan, and what keeps it from being carried out.

export type Remark = {
  /** A key of the config, a path, a unit or a secret. */
  readonly subject: string;
  readonly reason: string;
  /** What to write or to run; undefined: nothing has to be done. */
  readonly hint: string | undefined;
};

export class Remarks {
  readonly notes: Remark[] = [];
  /** With one of these nothing is done. */
  readonly refusals: Remark[] = [];

  note(subject: string, reason: string, hint?: string): void {
    this.notes.push({ subject, reason, hint });
  }

  add({ notes, refusals }: Remarks): void {
    this.notes.push(...notes);
    this.refusals.push(...refusals);
  }

  refuse(subject: string, reason: string, hint: string): void {
    this.refusals.push({ subject, reason, hint });
  }
}
