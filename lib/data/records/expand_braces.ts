/** The most names that braces may stand for. */
const MOST = 1e6;

/**
 * The names that a pattern with braces stands for, as in a shell:
 * `{000..146}` are numbers, with zeros in front where they are written, and
 * `{train,validation}` are alternatives.
 */
export function expandBraces(pattern: string): string[] {
  let names = [""];
  let rest = pattern;
  for (;;) {
    const found = /\{(?:(\d{1,15})\.\.(\d{1,15})|([^{},]*,[^{}]*))\}/.exec(
      rest,
    );
    if (!found) return names.map((name) => name + rest);
    const [whole, first, last, list] = found;
    const before = rest.slice(0, found.index);
    rest = rest.slice(found.index + whole.length);
    const count = list === undefined
      ? Math.abs(Number(last) - Number(first)) + 1
      : list.split(",").length;
    if (names.length * count > MOST) {
      throw new RangeError(
        `${pattern} should stand for at most ${MOST} files, got more`,
      );
    }
    const parts = list?.split(",") ?? numbers(first!, last!);
    names = names.flatMap((name) => parts.map((part) => name + before + part));
  }
}

function numbers(first: string, last: string): string[] {
  const step = Number(first) <= Number(last) ? 1 : -1;
  const count = Math.abs(Number(last) - Number(first)) + 1;
  const isPadded = [first, last].some((text) => /^0\d/.test(text));
  const width = isPadded ? Math.max(first.length, last.length) : 1;
  return Array.from(
    { length: count },
    (_, i) => String(Number(first) + step * i).padStart(width, "0"),
  );
}
