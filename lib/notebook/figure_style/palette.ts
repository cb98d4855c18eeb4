/**
 * The colour of each form in every figure; forms are different ways to compute
 * the same function.
 */
export const FORM_COLORS = {
  full: "#4c78a8",
  recurrent: "#f58518",
  blockwise: "#e45756",
  chunkwise: "#54a24b",
} as const;

/**
 * The colour of each variant in every figure; variants are different functions.
 * No form has one of these colours.
 */
export const VARIANT_COLORS = {
  "LION-LIT": "#8a6fd1",
  "LION-D": "#c2457f",
  "LION-S": "#0b8f8f",
  softmax: "#808080",
} as const;

const NAMED: Readonly<Record<string, string>> = {
  ...FORM_COLORS,
  ...VARIANT_COLORS,
};

/**
 * Colours of curves that are neither forms nor variants, none of them a form's
 * or variant's.
 */
const OTHERS = [
  "#1f5a99",
  "#b35c00",
  "#3d7a35",
  "#a8323c",
  "#6a4fa3",
  "#7a5548",
  "#4fa3c7",
  "#9aa02a",
];

/**
 * The colour of a curve with this name, the `index`th of its picture: that of
 * the form or variant with which the name starts, as in `LION-S, seed 1`.
 */
export function colorOf(name: string, index: number): string {
  const known = Object.keys(NAMED).find((known) =>
    name === known || name.startsWith(`${known},`)
  );
  return known ? NAMED[known]! : OTHERS[index % OTHERS.length]!;
}
