// What depends on settings, made once for each that come one after another.

/** `same`: a text that is equal where what was made serves on. `end`: of what no longer serves; calls under way may still use it. */
export function madeFor<S, T>(
  same: (settings: S) => string,
  make: (settings: S) => T,
  end: (made: T) => void = () => undefined,
): (settings: S) => T {
  let last: { readonly text: string; readonly made: T } | undefined;
  return (settings) => {
    const text = same(settings);
    if (last?.text === text) return last.made;
    const before = last;
    last = { text, made: make(settings) };
    if (before) end(before.made);
    return last.made;
  };
}
