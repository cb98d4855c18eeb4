/** Figures on a dark page. @module */

/** How much each component of a colour adds to its lightness. */
const LUMA = [0.213, 0.715, 0.072];

/**
 * A filter of SVG for pictures of figures, drawn on white, where the page is
 * dark. Paper, axes and text become light on dark, and so do the pale edges of
 * lines, which keep their hue. Colours have meanings and stay, a little lighter:
 * lines, and maps such as Viridis. A colour is what has components far apart,
 * by more than 0.22 to 0.28, of which the smallest is below 0.38 to 0.5. White
 * becomes `--paper` of style.css.
 */
export const NIGHT =
  `<svg width="0" height="0" aria-hidden="true" style="position:absolute">
<filter id="night" color-interpolation-filters="sRGB">
${component("red", 0)}
${component("green", 1)}
${component("blue", 2)}
${extreme("lighten", "largest")}
${extreme("darken", "smallest")}
${alpha(-8.33, 4.17, "strong")}
<feBlend in="largest" in2="smallest" mode="difference"/>
${alpha(16.7, -3.67, "apart")}
<feComposite operator="in" in2="strong" result="coloured"/>
<feColorMatrix in="SourceGraphic" values="${
    matrix((row, column) => row === column ? 0.92 : 0, [0.07, 0.07, 0.07])
  }"/>
<feComposite operator="in" in2="coloured" result="colours"/>
<feColorMatrix in="SourceGraphic" values="${
    matrix(
      (row, column) => 0.81 * ((row === column ? 1 : 0) - 2 * LUMA[column]!),
      [0.888, 0.9, 0.916],
    )
  }" result="greys"/>
<feMerge><feMergeNode in="greys"/><feMergeNode in="colours"/></feMerge>
</filter>
</svg>`;

/** One component of a picture as a grey. */
function component(name: string, index: number): string {
  const row = [0, 1, 2, 3, 4].map((at) => at === index ? 1 : 0).join(" ");
  return `<feColorMatrix in="SourceGraphic" values="${row} ${row} ${row} 0 0 0 1 0" result="${name}"/>`;
}

/** The largest component of each pixel, or the smallest. */
function extreme(mode: "lighten" | "darken", name: string): string {
  return `<feBlend in="red" in2="green" mode="${mode}"/>
<feBlend in2="blue" mode="${mode}" result="${name}"/>`;
}

/** As opaque as a grey is light, scaled and shifted. */
function alpha(scale: number, shift: number, name: string): string {
  return `<feColorMatrix values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 ${scale} 0 0 0 ${shift}" result="${name}"/>`;
}

/** The numbers of a matrix of components, and what it adds to each. */
function matrix(
  entry: (row: number, column: number) => number,
  added: readonly number[],
): string {
  const rows = added.map((
    addend,
    row,
  ) => [...[0, 1, 2].map((column) => entry(row, column)), 0, addend]);
  return [...rows, [0, 0, 0, 1, 0]].flat()
    .map((number) => Number(number.toFixed(4))).join(" ");
}
