// What a survey tells while it runs. Plain data without a value in it: it may travel to the command line as it is.

export type SurveyEvent =
  | { readonly event: 'listing'; readonly workload: string; readonly project: string; readonly path: string }
  | { readonly event: 'retrying'; readonly workload: string; readonly message: string; readonly waitMs: number };
