/**
 * Compares texts by their code points, as Python does: JavaScript's own order is that
 * of UTF-16, in which an emoji comes before some letters.
 */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i), right = b.charCodeAt(i);
    if (left === right) continue;
    // Surrogates stand for code points above those of all other code units.
    return Number(isHalf(left)) - Number(isHalf(right)) || left - right;
  }
  return a.length - b.length;
}

/** Whether a code unit is a surrogate, half of a code point beyond U+FFFF. */
function isHalf(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
