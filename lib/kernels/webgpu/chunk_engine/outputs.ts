/**
 * The outputs of each chunk's tokens: what they read from the state H that enters
 * the chunk and from the values U that the chunk itself writes, in both directions,
 *
 *     Y = s (e ∘ Q H + P U)
 *
 * In the delta rule, what a token reads of its own value is subtracted in the second
 * direction, to count once. Else U is V with a column of ones, whose sum may divide Y; and
 * the gradient in V is the same with readers and writers exchanged,
 *
 *     dV = out ∘ K G + Pᵀ dY
 *
 * with the gradient G in the state that leaves the chunk.
 *
 * @module
 */
import {
  BETA,
  type ChunkLayout,
  type ChunkProgram,
  columnsOf,
  eachBlockRow,
  eachItem,
  ofChunks,
  placesOf,
  rowsOf,
  slopesOf,
  valuesOf,
  widthOf,
} from "./chunk_layout.ts";
import type { SequenceBatch } from "../frame/sequence_batches.ts";
import { ofRow } from "../frame/register_tile.ts";
import { repeat } from "@lionjs/tfjs/webgpu";
import { reading, writing } from "../score_tiles/score_tiles.ts";

/** Rows of a thread: two blocks, for twice as many products with each row of values that is read. */
const TILE_ROWS = 8;
/** Most tokens of a chunk: the number of row sums that a workgroup has room for. */
export const MOST_ROWS = 256;

const eachTileRow = (piece: (r: number) => string) =>
  eachBlockRow(piece, TILE_ROWS);

/** How outputs are computed from the sums that tokens read; the delta rule uses `scale` alone. */
export interface Finish {
  readonly scale: number;
  /** Whether each row is divided by its sum of scores. @default false */
  readonly normalize?: boolean;
  /** The number added to the row sum. @default 0 */
  readonly epsilon?: number;
}

/** The program of the outputs Y, summed over both directions. */
export function outputsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
  { scale, normalize = false, epsilon = 0 }: Finish,
): ChunkProgram {
  const width = widthOf(layout);
  const isDelta = layout.rule === "delta", hasStates = layout.stateQuads > 0;
  return ofChunks(layout, batch, {
    name: "chunk_outputs",
    variants: [layout.rule, ...(hasStates ? ["states"] : [])],
    reads: [
      ...["v", ...(isDelta ? ["beta"] : []), "pairs", "operands"],
      ...(isDelta ? ["vNew"] : []),
      ...(hasStates ? ["states"] : []),
    ],
    writes: isDelta ? ["y"] : ["y", "rowSums"],
    floats: isDelta ? { scale } : { scale, epsilon },
    integers: isDelta ? {} : { normalize: Number(normalize) },
    functions: /* wgsl */ `${placesOf(layout)}
${valuesOf(layout.rule, width)}
${
      isDelta
        ? `${rowsOf("v", "valueDim", width)}
${BETA}
${OWN_SCORE}`
        : `${reading("y", "valueDim", width)}
var<workgroup> totals: array<f32, ${MOST_ROWS}>;`
    }
${writing("y", "valueDim", width)}
`,
    body: /* wgsl */ `
${
      eachItem(
        "uniforms.valueQuads",
        `${
          gather({
            states: hasStates ? "states" : undefined,
            kind: "DECAYED_Q",
            sum: READ_VALUES,
          })
        }${isDelta ? SUBTRACT : ""}
        }
${isDelta ? "" : TOTALS}
${write("y", (r) => `uniforms.scale * sum${r}`)}`,
        TILE_ROWS,
      )
    }${isDelta ? "" : DIVIDE}`,
  });
}

/** The program of the gradient in V by the rule "add", summed over both directions. */
export function addedValueGradientsProgram(
  layout: ChunkLayout,
  batch: SequenceBatch,
): ChunkProgram {
  const width = widthOf(layout), hasStates = layout.stateQuads > 0;
  return ofChunks(layout, batch, {
    name: "chunk_value_gradients",
    variants: hasStates ? ["states"] : [],
    reads: ["pairs", "operands", "g", ...(hasStates ? ["dstates"] : [])],
    writes: ["dv"],
    functions: /* wgsl */ `${placesOf(layout)}
${slopesOf(layout.rule, width)}
${writing("dv", "valueDim", width)}
`,
    body: /* wgsl */ `
${
      eachItem(
        "uniforms.valueQuads",
        `${
          gather({
            states: hasStates ? "dstates" : undefined,
            kind: "DECAYED_K",
            sum: READ_SLOPES,
          })
        }
        }
${write("dv", (r) => `sum${r}`)}`,
        TILE_ROWS,
      )
    }`,
  });
}

/** WGSL that declares `sum0` … and adds to them in each direction, whose loop it leaves open. */
function gather(
  { states, kind, sum }: {
    readonly states: string | undefined;
    /** The operands that are multiplied with states. */
    readonly kind: "DECAYED_Q" | "DECAYED_K";
    /** WGSL that adds the part from the chunk's own tokens. */
    readonly sum: string;
  },
): string {
  const ofStates = states === undefined ? "" : /* wgsl */ `
          for (var n = 0u; n < uniforms.headQuads; n++) {
            let at = at_state(chunk, 4u * n, quad);
            let carried = ${
    columnsOf((r) => `${states}[at + ${r}u * uniforms.valueQuads]`)
  };
${
    eachTileRow((r) =>
      `            sum${r} += carried * operands[at_operand(chunk, ${kind}, row${r}, n)];`
    )
  }
          }`;
  return /* wgsl */ `
${eachTileRow((r) => `        var sum${r} = vec4f();`)}
        for (var direction = 0u; direction < uniforms.directions; direction++) {
          let chunk = chunk_of(first_sweep + direction, number);
${
    eachTileRow((r) => `          let row${r} = row_at(chunk, row + ${r}u);`)
  }${ofStates}
${sum}`;
}

/** WGSL that adds P U; blocks of scores above the diagonal are undefined, and read as zeros. */
const READ_VALUES = /* wgsl */ `
          for (var block = 0u; block <= max(row0, row${
  TILE_ROWS - 1
}) / 4u; block++) {
            let values = ${
  columnsOf((c) => `value_of(chunk, 4u * block + ${c}u, quad)`)
};
${
  eachTileRow((r) =>
    `            sum${r} += values * select(vec4f(), pairs[at_pair(chunk, SCORES, row${r}, block)], block <= row${r} / 4u);`
  )
}
          }`;

const READ_SLOPES = /* wgsl */ `
          let block0 = row0 / 4u;
          let block1 = row4 / 4u;
          for (var i = 4u * min(block0, block1); i < uniforms.rows; i++) {
            let slope = slope_of(chunk, i, quad);
${
  repeat(2, (b) =>
    `            var scores${b} = select(vec4f(), pairs[at_pair(chunk, SCORES, i, block${b})], block${b} <= i / 4u);
            scores${b} = select(scores${b}, scores${b}.wzyx, chunk.back);`)
}
${eachTileRow((r) => `            sum${r} += ${ofRow("scores", r)} * slope;`)}
          }`;

/** WGSL that subtracts what a token reads of its own value, β (q · k) v, in the second direction. */
const SUBTRACT = /* wgsl */ `
          if (chunk.back) {
${
  eachTileRow((r) =>
    `            sum${r} -= beta_of(chunk, row${r}) * own_score(chunk, row${r}) * row_of_v(chunk, row${r}, quad);`
  )
}
          }`;

/**
 * WGSL that writes the row sums, found in the last four columns, and shares them with
 * the workgroup.
 */
const TOTALS = /* wgsl */ `
        if (quad == uniforms.valueQuads - 1u) {
          let ones = uniforms.valueDim % 4u;
${
  eachTileRow((r) =>
    `          if (row + ${r}u < tokens.count) {
            let total = uniforms.scale * sum${r}[ones];
            totals[row + ${r}u] = total;
            rowSums[tokens.start + row + ${r}u] = total;
          }`
  )
}
        }`;

/** WGSL that divides the outputs by the row sums; each thread reads back only what it has written. */
const DIVIDE = /* wgsl */ `
  workgroupBarrier();
  if (uniforms.normalize == 1u) {
${
  eachItem(
    "uniforms.valueQuads",
    `      for (var r = 0u; r < ${TILE_ROWS}u && row + r < tokens.count; r++) {
        let token = tokens.start + row + r;
        write_y(token, quad, read_y(token, quad) / (totals[row + r] + uniforms.epsilon));
      }`,
    TILE_ROWS,
  )
}
  }`;

const write = (name: string, x: (r: number) => string) =>
  eachTileRow((r) =>
    `        if (row + ${r}u < tokens.count) { write_${name}(tokens.start + row + ${r}u, quad, ${
      x(r)
    }); }`
  );

/** WGSL function `own_score(chunk, row)`: the score of a row's query with its own key. */
export const OWN_SCORE = /* wgsl */ `
fn own_score(chunk: Chunk, row: u32) -> f32 {
  return pairs[at_pair(chunk, SCORES, row, row / 4u)][row % 4u];
}
`;
