/** The picture of two sweeps that fill the attention matrix, as an animation. @module */

/** One decay per token; the sixth token forgets. */
export const DECAYS = [0.92, 0.88, 0.95, 0.9, 0.85, 0.2, 0.93, 0.9, 0.87, 0.94];

const LENGTH = DECAYS.length;
const CELL = 34;
const [LEFT, TOP] = [150, 92];
const SIDE = LENGTH * CELL;
const [WIDTH, HEIGHT] = [SIDE + 2 * LEFT, TOP + SIDE + 84];
/** Seconds: from row to row, and for the whole matrix to be looked at. */
const [STEP, PAUSE] = [0.55, 4];
const CYCLE = LENGTH * STEP + PAUSE;

/**
 * How much query i attends to key j: the decays on the path between them, as in
 * the mask of LION-S.
 */
export function weight(i: number, j: number): number {
  const path = j < i ? DECAYS.slice(j, i) : DECAYS.slice(i + 1, j + 1);
  return path.reduce((product, decay) => product * decay, 1);
}

/** The animation as SVG that stands alone, for light and dark pages. */
export function sweepsSVG(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title">
<title id="title">Two sweeps, one from each end, fill the attention matrix row by row. Each carries one state; each counts half of the diagonal.</title>
<style>${style()}</style>
<rect width="${WIDTH}" height="${HEIGHT}" rx="12" class="page"/>
${text(WIDTH / 2, 32, "Attention in both directions is two sweeps", "head")}
${text(WIDTH / 2, 56, "each with one state of constant size", "note")}
${text(LEFT + SIDE / 2, TOP - 12, "key j", "note")}
<g transform="translate(${LEFT} ${TOP})">
<rect width="${SIDE}" height="${SIDE}" class="empty"/>
${rows().join("\n")}
${lines()}
${state("forward", "S", "F", -62)}
${state("backward", "S", "B", SIDE + 12)}
</g>
${text(LEFT - 84, TOP + SIDE / 2, "query i", "note turned")}
${
    text(
      LEFT - 84,
      TOP + SIDE + 34,
      "left to right: keys up to i",
      "forward",
      "start",
    )
  }
${
    text(
      LEFT + SIDE + 84,
      TOP + SIDE + 34,
      "right to left: keys from i on",
      "backward",
      "end",
    )
  }
${
    text(
      WIDTH / 2,
      TOP + SIDE + 62,
      "Each counts half of the diagonal. One division at the end.",
      "note",
    )
  }
</svg>
`;
}

/** The cells that each sweep writes, in the order of the rows. */
function rows(): string[] {
  return DECAYS.flatMap((_, i) => {
    const cells = (direction: "forward" | "backward", columns: number[]) => {
      const step = direction === "forward" ? i : LENGTH - 1 - i;
      const drawn = columns.map((j) => cell(i, j, direction)).join("");
      return `<g class="${direction} s${step}">${drawn}</g>`;
    };
    const all = DECAYS.map((_, j) => j);
    return [
      cells("forward", all.slice(0, i + 1)),
      cells("backward", all.slice(i)),
    ];
  });
}

/** A cell, as strong as its weight; half of it on the diagonal. */
function cell(
  i: number,
  j: number,
  direction: "forward" | "backward",
): string {
  const [x, y] = [j * CELL, i * CELL];
  const opacity = `fill-opacity="${Number(weight(i, j).toFixed(3))}"`;
  if (i !== j) {
    return `<rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" ${opacity}/>`;
  }
  const corner = direction === "forward"
    ? `v${CELL}h${CELL}`
    : `h${CELL}v${CELL}`;
  return `<path d="M${x} ${y}${corner}z" ${opacity}/>`;
}

/** The lines between cells. */
function lines(): string {
  const path = Array.from(
    { length: LENGTH + 1 },
    (_, at) => `M0 ${at * CELL}h${SIDE}M${at * CELL} 0v${SIDE}`,
  );
  return `<path d="${path.join("")}" class="grid"/>`;
}

/** The state of a sweep beside the row that it reads. */
function state(
  direction: "forward" | "backward",
  name: string,
  index: string,
  x: number,
): string {
  return `<g class="${direction} moves ${direction}-state"><rect x="${x}" y="3" width="50" height="${
    CELL - 6
  }" rx="6"/><text x="${x + 25}" y="${
    CELL / 2 + 5
  }" class="label" text-anchor="middle">${name}<tspan dy="-5" font-size="10">${index}</tspan></text></g>`;
}

function text(
  x: number,
  y: number,
  content: string,
  kind: string,
  anchor = "middle",
): string {
  const turned = kind.includes("turned")
    ? ` transform="rotate(-90 ${x} ${y})"`
    : "";
  return `<text x="${x}" y="${y}" class="${kind}" text-anchor="${anchor}"${turned}>${content}</text>`;
}

/** Colours of light and dark pages, and when each row appears. */
function style(): string {
  const percent = (seconds: number) => `${(100 * seconds / CYCLE).toFixed(2)}%`;
  const appear = DECAYS.map((_, step) => `
@keyframes s${step} { 0%, ${percent(step * STEP)} { opacity: 0 } ${
    percent((step + 0.6) * STEP)
  }, 97% { opacity: 1 } 100% { opacity: 0 } }
.s${step} { animation: s${step} ${CYCLE}s infinite }`);
  const moves = (name: string, row: (step: number) => number) =>
    `@keyframes ${name} { ${
      DECAYS.map((_, step) =>
        `${percent(step * STEP)}${
          step === LENGTH - 1 ? ", 100%" : `, ${percent((step + 0.7) * STEP)}`
        } { transform: translateY(${row(step) * CELL}px) }`
      ).join(" ")
    } }
.${name} { animation: ${name} ${CYCLE}s infinite }`;
  return `
text { font: 15px system-ui, "DejaVu Sans", sans-serif; fill: #1b1f24 }
.head { font-size: 18px; font-weight: 600 }
.note { font-size: 14px; fill: #57606a }
.label { fill: #fff; font-weight: 600 }
.page { fill: #fff }
.empty { fill: #f0f1f4 }
.grid { stroke: #fff; stroke-width: 2; fill: none }
.forward { fill: #d9720b }
.backward { fill: #3d6fb3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e8eb }
  .note { fill: #9aa4b0 }
  .page { fill: #16191d }
  .empty { fill: #23272d }
  .grid { stroke: #16191d }
  .forward { fill: #ff9d3d }
  .backward { fill: #79a8ea }
  .label { fill: #16191d }
}
${appear.join("")}
${moves("forward-state", (step) => step)}
${moves("backward-state", (step) => LENGTH - 1 - step)}
@media (prefers-reduced-motion: reduce) { * { animation: none !important } }
`;
}
