// What each command's --help ends with.

export function example(command: string): string {
  return `\nExample:\n  ${command}`;
}
