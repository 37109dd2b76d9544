// One line for people. What is coloured is told apart from what is text, so that no text can pass for a colour.

import { visible } from './visible.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export type Painted = { readonly style: Style; readonly text: string };

export type Line = string | readonly (string | Painted)[];

export function painted(style: Style, text: string): Painted {
  return { style, text };
}

/** The one way from a line to what a terminal is given: colours are those of `paint`, everything else is made visible. */
export function lineText(line: Line, paint: (style: Style, text: string) => string): string {
  const parts = typeof line === 'string' ? [line] : line;
  return parts
    .map((part) => (typeof part === 'string' ? visible(part) : paint(part.style, visible(part.text))))
    .join('');
}
