// What depends on settings, made once for each that come one after another.

/** `same`: equal (`===`) where what was made serves on. `end`: of what no longer serves; calls under way may still use it. */
export function madeFor<S, T>(
  same: (settings: S) => unknown,
  make: (settings: S) => T,
  end: (made: T) => void = () => undefined,
): (settings: S) => T {
  let last: { readonly of: unknown; readonly made: T } | undefined;
  return (settings) => {
    const of = same(settings);
    if (last && last.of === of) return last.made;
    const before = last;
    const made = make(settings);
    last = { of, made };
    if (before) end(before.made);
    return made;
  };
}
