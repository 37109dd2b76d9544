// Numbers of bytes as people read them.

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const;

/** `64 MB`, `1.1 GB`: in steps of 1024, as the config takes them. */
export function sizeText(bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log(bytes) / Math.log(1024)), UNITS.length - 1);
  const count = bytes / 1024 ** step;
  const shown = Number.isInteger(count) || count >= 100 ? String(Math.round(count)) : count.toFixed(1);
  return `${shown} ${UNITS[step] ?? ''}`;
}
