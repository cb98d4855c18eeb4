/**
 * Last step of the chunkwise form: what each token of a chunk reads.
 *
 *     z_i = Σ_{j in chunk} M_ij (r_i · o_j) x_j
 *         + exp(f_s + … + f_i) [state from before] r_i
 *         + exp(b_i + … + b_t) [state from after] r_i
 *
 * for the chunk s..t. With r = q, o = k and x = v that is attention. Each of
 * its gradients is the same function of other vectors, g being the cotangents
 * of the sums and v with its column of ones:
 *
 *     dq: r = g, o = v, x = k        dk: r = v, o = g, x = q, M transposed
 *                                    dv: r = k, o = q, x = g, M transposed
 *
 * @module
 */
import { decayNames, distinct } from "./chunk_states.ts";
import {
  decayBytes,
  declareDecays,
  declareWeights,
  entering,
  loadDecays,
  loadWeights,
  maskKey,
  type MaskSource,
  type Side,
  sidesOf,
  weightBytes,
} from "./mask.ts";
import {
  type Binding,
  declare,
  input,
  keyOf,
  type Launch,
  output,
  repeat,
  type Shader,
} from "../../tfjs/webgpu/shader.ts";
import {
  directionsOf,
  RECORD_QUADS,
  type States,
  statesKey,
  TILE_ROWS,
} from "./states.ts";
import {
  bindingOf,
  type Columns,
  type Dims,
  QUADS,
  quadsOf,
  reading,
  type Vectors,
  vectorsKey,
  writing,
  type Written,
} from "./vectors.ts";

/** One such function. */
export interface Role {
  /** r, of the tokens that read. */
  readonly rows: Vectors;
  /** o, of the tokens that are read. */
  readonly others: Vectors;
  /** x. */
  readonly values: Vectors;
  /** The states `Σ o xᵀ`, or `Σ x oᵀ` if r has the columns of a sum. */
  readonly states: States;
  /** z, but for its row sum. */
  readonly output: Written;
  /** What is done with z besides. */
  readonly finish:
    /** Multiply by the scale, write the row sums, and divide by them if the problem says so. */
    | { readonly kind: "attention" }
    /**
     * Write the products of z with these vectors of the tokens that read, in
     * four parts: [chunk before, chunk after, state before, state after].
     */
    | { readonly kind: "shares"; readonly own: Vectors; readonly name: string }
    | { readonly kind: "none" };
}

/** How much room a shader has; few shapes, so that few shaders differ. */
export interface Shape {
  /** For tokens of a chunk. */
  readonly largestChunk: number;
  /** For quads of z. */
  readonly largestQuads: number;
  /** Rows of a chunk that a workgroup computes. */
  readonly blockRows: number;
}

const LARGEST_CHUNKS = [64, 128, 256];
/** Of heads of up to 64 and up to 128, with a row sum. */
const LARGEST_QUADS = [17, 33];
const BLOCK_ROWS = [32, 24, 16, 8];

/**
 * The shape for chunks of a size.
 *
 * @param chunkSize Tokens of a chunk.
 * @param dims Columns of a head.
 * @param workgroupBytes Memory of a workgroup.
 * @returns The shape, or `undefined` if there is none or no room for it.
 */
export function shapeFor(
  chunkSize: number,
  dims: Dims,
  workgroupBytes: number,
): Shape | undefined {
  const quads = Math.max(quadsOf("key", dims), quadsOf("sum", dims));
  const largestChunk = LARGEST_CHUNKS.find((size) => size >= chunkSize);
  const largestQuads = LARGEST_QUADS.find((size) => size >= quads);
  if (largestChunk === undefined || largestQuads === undefined) return;
  return BLOCK_ROWS.map((rows) => ({
    largestChunk,
    largestQuads,
    blockRows: rows,
  })).find((shape) => bytesOf(shape) <= workgroupBytes);
}

function bytesOf(shape: Shape): number {
  const { blockRows } = shape;
  const tokens = roomFor(shape);
  return 16 * blockRows * scratchQuads(shape) + 3 * 4 * blockRows +
    decayBytes(tokens) + weightBytes(tokens);
}

/** Tokens of all blocks. */
function roomFor({ largestChunk, blockRows }: Shape): number {
  return Math.ceil(largestChunk / blockRows) * blockRows;
}

/** Quads of a row that scores, and later parts of sums, take. */
function scratchQuads({ largestChunk, largestQuads }: Shape): number {
  return Math.max(largestChunk / 4, largestQuads);
}

/** What the text depends on. */
export interface AttendSpec {
  /** What is computed; each by workgroups of its own. */
  readonly roles: readonly Role[];
  /** Of all roles; `null` if all weights are 1, and only states are read. */
  readonly mask: MaskSource | null;
  /** Room. */
  readonly shape: Shape;
}

/** A thread computes a tile of {@linkcode TILE_ROWS} rows and a quad of columns. */
export function attendShader(
  { roles, mask, shape }: AttendSpec,
  launch: Launch,
): Shader {
  const { blockRows } = shape;
  const inputs = distinct(roles.flatMap(inputsOf(mask)));
  const bindings: Binding[] = [
    ...inputs.map(bindingOf),
    ...decayNames([mask]).map((name) => input(name, "f32")),
    ...distinct(roles.map(({ states }) => states))
      .map(({ name }) => input(name, "vec4f")),
    ...roles.flatMap(outputsOf),
  ];
  const blocks = Math.ceil(launch.chunkSize / blockRows);
  return {
    key: keyOf(
      "attend",
      ...roles.map(roleKey),
      maskKey(mask),
      `chunk=${shape.largestChunk}`,
      `quads=${shape.largestQuads}`,
      `rows=${blockRows}`,
    ),
    bindings,
    dispatch: [launch.chunks, launch.sequences, blocks * roles.length],
    code: () => {
      const sides = mask ? sidesOf(mask) : [];
      const arrays = sides.map((side) =>
        `var<workgroup> entering_${side}: array<f32, ${blockRows}>;`
      );
      return /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}
${inputs.map(reading).join("\n")}
${roles.map(({ output }) => writing(output)).join("\n")}
// The weighted scores of the block's rows, and later parts of their sums.
var<workgroup> scores: array<vec4f, ${blockRows * scratchQuads(shape)}>;
var<workgroup> totals: array<f32, ${blockRows}>;
${arrays.join("\n")}
${declareDecays(sides, roomFor(shape))}
${mask ? declareWeights(roomFor(shape)) : ""}

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}
${roles.map((role) => attend(role, mask, shape)).join("\n")}

@compute @workgroup_size(${threadsOf(shape)})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let blocks = (problem.chunkSize + ${blockRows - 1}u) / ${blockRows}u;
  let firstRow = group.z % blocks * ${blockRows}u;
${
        roles.map(({ output }, i) =>
          `  if (group.z / blocks == ${i}u) { attend_${output.name}(thread, group, firstRow); }`
        ).join("\n")
      }
}
`;
    },
  };
}

/** A thread for each tile of z. */
function threadsOf({ blockRows, largestQuads }: Shape): number {
  return blockRows / TILE_ROWS * largestQuads;
}

/** Columns of z. */
function columnsOf({ finish, output }: Role): Columns {
  return finish.kind === "attention" ? "sum" : output.columns;
}

/** Whether r has the columns of the states, and not their rows. */
function isTransposed({ rows }: Role): boolean {
  return rows.columns !== "key";
}

/** The quads of r and o in the text; those of a value have its ones. */
function innerQuads(role: Role): string {
  return isTransposed(role) ? "sum_quads()" : "key_quads()";
}

function roleKey(role: Role): string {
  const { rows, others, values, states, output, finish } = role;
  const vectors = [rows, others, values].map(vectorsKey).join("·");
  return `${output.name}=${vectors}+${statesKey(states)}:${finish.kind}`;
}

function inputsOf(mask: MaskSource | null) {
  return ({ rows, others, values, finish }: Role): Vectors[] => [
    rows,
    ...(mask ? [others, values] : []),
    ...(finish.kind === "shares" ? [finish.own] : []),
  ];
}

function outputsOf({ output: { name }, finish }: Role): Binding[] {
  const z = output(name, "f32");
  switch (finish.kind) {
    case "attention":
      return [z, output("rowSums", "f32")];
    case "shares":
      return [z, output(finish.name, "vec4f")];
    case "none":
      return [z];
  }
}

const rows = (piece: (r: number) => string) => repeat(TILE_ROWS, piece);

function attend(role: Role, mask: MaskSource | null, shape: Shape): string {
  const { finish, output } = role;
  const { blockRows } = shape;
  const threads = threadsOf(shape);
  const shared = finish.kind === "shares";
  const sides = mask ? sidesOf(mask) : [];
  const load = mask === null ? "" : loadDecays(mask, roomFor(shape), threads) +
    loadWeights(mask, roomFor(shape), threads) + /* wgsl */ `
  for (var r = thread; r < ${blockRows}u; r += ${threads}u) {
    let i = min(firstRow + r, count - 1u);
${
    sides.map((side) =>
      `    entering_${side}[r] = exp(${entering(side, "i")});`
    ).join("\n")
  }
  }
${scoring(role, mask, shape)}`;
  const chunk = mask === null
    ? ""
    : shared
    ? splitChunk(role, sides, shape)
    : wholeChunk(role, sides, shape);
  return /* wgsl */ `
fn attend_${output.name}(thread: u32, group: vec3u, firstRow: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  if (firstRow >= count) { return; }
  let base = (problem.firstSequence + group.y) * problem.length;
  let last = base + first + count - 1u;
${load}
  let quads = ${columnsOf(role)}_quads();
  let hasTile = thread < ${blockRows / TILE_ROWS}u * quads;
  let tile = select(0u, thread, hasTile);
  let rowTile = tile / quads;
  let outputQuad = tile % quads;
  let row = firstRow + rowTile * ${TILE_ROWS}u;
  let token = base + first + row;
${rows((r) => `  let row${r} = min(token + ${r}u, last);`)}
${rows((r) => `  var sum${r} = vec4f();`)}
${shared ? rows((r) => `  var share${r} = vec4f();`) : ""}
${chunk}
${readStates(role, mask)}
${finishing(role, shape)}
}`;
}

/** Scores of the block's rows with all tokens of the chunk, weighted by the mask. */
function scoring(role: Role, mask: MaskSource, shape: Shape): string {
  const stride = scratchQuads(shape);
  const columnBlocks = shape.largestChunk / 4;
  const rowTiles = shape.blockRows / TILE_ROWS;
  const outside = [
    "column >= count",
    "firstRow + row >= count",
    ...(mask.before ? [] : ["columnBlock < rowBlock"]),
    ...(mask.after ? [] : ["columnBlock > rowBlock + 1u"]),
  ];
  const others = repeat(
    4,
    (c) => `read_${role.others.name}(column${c}, quad)`,
    ", ",
  );
  return /* wgsl */ `
  for (var tile = thread; tile < ${rowTiles * columnBlocks}u; tile += ${
    threadsOf(shape)
  }u) {
    let columnBlock = tile % ${columnBlocks}u;
    let row = tile / ${columnBlocks}u * ${TILE_ROWS}u;
    let rowBlock = (firstRow + row) / 4u;
    let column = columnBlock * 4u;
    if (${outside.join(" || ")}) { continue; }
    let token = base + first + firstRow + row;
${rows((r) => `    let row${r} = min(token + ${r}u, last);`)}
${
    repeat(4, (c) =>
      `    let column${c} = min(base + first + column + ${c}u, last);`)
  }
${rows((r) => `    var sum${r} = vec4f();`)}
    for (var quad = 0u; quad < ${innerQuads(role)}; quad++) {
      let columns = transpose(mat4x4f(${others}));
${
    rows((r) =>
      `      sum${r} = accumulate(sum${r}, columns, read_${role.rows.name}(row${r}, quad));`
    )
  }
    }
    let kept = select(vec4f(0.0), vec4f(1.0), column + vec4u(0u, 1u, 2u, 3u) < vec4u(count));
    let at = row * ${stride}u + columnBlock;
${
    repeat(TILE_ROWS / 4, (block) =>
      `    let weights${block} = weights(rowBlock + ${block}u, columnBlock);`)
  }
${
    rows((r) =>
      `    scores[at + ${r * stride}u] = sum${r} * kept * weights${r >> 2}[${
        r % 4
      }];`
    )
  }
  }
  workgroupBarrier();`;
}

/** The matrix whose columns are the values of the four tokens of a block. */
function valuesOf({ values }: Role): string {
  const read = repeat(
    4,
    (c) => `read_${values.name}(min(column + ${c}u, last), outputQuad)`,
    ", ",
  );
  return /* wgsl */ `    let column = base + first + block * 4u;
    let columns = mat4x4f(${read});`;
}

/** Blocks of four tokens in the chunk. */
const ALL_BLOCKS = "(count + 3u) / 4u";

/** Adds what the tile's rows read of some blocks to the sums of this name. */
function readBlocks(
  role: Role,
  shape: Shape,
  sum: string,
  [from, to]: readonly [string, string],
): string {
  const stride = scratchQuads(shape);
  return /* wgsl */ `
  for (var block = ${from}; block < ${to}; block++) {
${valuesOf(role)}
    let at = rowTile * ${TILE_ROWS * stride}u + block;
${
    rows((r) =>
      `    ${sum}${r} = accumulate(${sum}${r}, columns, scores[at + ${
        r * stride
      }u]);`
    )
  }
  }`;
}

/** Adds what is read of the chunk to `sum`. */
function wholeChunk(role: Role, sides: readonly Side[], shape: Shape): string {
  const from = sides.includes("before") ? "0u" : "row / 4u";
  const to = sides.includes("after")
    ? ALL_BLOCKS
    : `min(row / 4u + ${TILE_ROWS / 4}u, ${ALL_BLOCKS})`;
  return readBlocks(role, shape, "sum", [from, to]);
}

/**
 * As {@linkcode wholeChunk}, with the shares of the tokens before and after
 * apart. A token's own score counts for the sum and for neither share.
 */
function splitChunk(role: Role, sides: readonly Side[], shape: Shape): string {
  const { own } = role.finish as { own: Vectors };
  const ranges = {
    before: ["0u", "row / 4u"],
    after: [`row / 4u + ${TILE_ROWS / 4}u`, ALL_BLOCKS],
  } as const;
  const shares = rows((r) =>
    `  let own${r} = read_${own.name}(row${r}, outputQuad);\n` +
    sides.map((side) =>
      `  share${r}.${side === "before" ? "x" : "y"} = dot(own${r}, ${side}${r});
  sum${r} += ${side}${r};`
    ).join("\n")
  );
  return /* wgsl */ `
${sides.map((side) => rows((r) => `  var ${side}${r} = vec4f();`)).join("\n")}
${sides.map((side) => readBlocks(role, shape, side, ranges[side])).join("\n")}
${repeat(TILE_ROWS / 4, (block) => diagonalBlock(role, sides, shape, block))}
${shares}`;
}

/** Reads a block on the diagonal, where some columns lie before a row and some after. */
function diagonalBlock(
  role: Role,
  sides: readonly Side[],
  shape: Shape,
  blockOfTile: number,
): string {
  const stride = scratchQuads(shape);
  const distance = (r: number, c: number) => blockOfTile * 4 + c - r;
  const part = (
    r: number,
    sum: string,
    isOn: (distance: number) => boolean,
  ) => {
    const on = [0, 1, 2, 3].map((c) => isOn(distance(r, c)) ? 1 : 0);
    if (!on.includes(1)) return "";
    const score = `scores[at + ${r * stride}u] * vec4f(${on.join(", ")})`;
    return `    ${sum}${r} = accumulate(${sum}${r}, columns, ${score});\n`;
  };
  return /* wgsl */ `
  if (row / 4u + ${blockOfTile}u < ${ALL_BLOCKS}) {
    let block = row / 4u + ${blockOfTile}u;
${valuesOf(role)}
    let at = rowTile * ${TILE_ROWS * stride}u + block;
${
    repeat(
      TILE_ROWS,
      (r) =>
        part(r, "sum", (distance) => distance === 0) +
        sides.map((side) =>
          part(
            r,
            side,
            (distance) => side === "before" ? distance < 0 : distance > 0,
          )
        ).join(""),
      "",
    )
  }  }`;
}

/** Adds what is read of the states to `sum`. */
function readStates(role: Role, mask: MaskSource | null): string {
  const { rows: readers, states, finish } = role;
  const transposed = isTransposed(role);
  const sides = mask ? sidesOf(mask) : [];
  const directions = directionsOf(mask);
  const names = mask ? sides.map((side) => `${side}State`) : ["sum"];
  // A chunk alone has a mask and no states.
  const quads = mask
    ? `select(${innerQuads(role)}, 0u, problem.chunks == 1u)`
    : innerQuads(role);
  const chunk = mask ? " + group.x" : "";
  const columns = names.map((name, direction) => {
    const at = direction === 0 ? "at" : `at + ${direction}u * record_quads()`;
    const read = repeat(
      4,
      (c) => `${states.name}[${at} + ${c}u * stride]`,
      ", ",
    );
    const matrix = `mat4x4f(${read})`;
    return `    let ${name}Columns = ${
      transposed ? `transpose(${matrix})` : matrix
    };`;
  });
  const share = (side: Side, r: number) =>
    finish.kind === "shares"
      ? `
  share${r}.${side === "before" ? "z" : "w"} = dot(own${r}, ${side}State${r});`
      : "";
  return /* wgsl */ `
  let stride = sum_quads();
  let record = (group.y * problem.chunks${chunk}) * ${directions}u * record_quads();
${
    mask
      ? names.map((name) => rows((r) => `  var ${name}${r} = vec4f();`))
        .join("\n")
      : ""
  }
  for (var quad = 0u; quad < ${quads}; quad++) {
    let at = record + ${
    transposed
      ? "outputQuad * 4u * stride + quad"
      : "quad * 4u * stride + outputQuad"
  };
${columns.join("\n")}
${
    rows((r) =>
      `    let x${r} = read_${readers.name}(row${r}, quad);\n` +
      names.map((name) =>
        `    ${name}${r} = accumulate(${name}${r}, ${name}Columns, x${r});`
      ).join("\n")
    )
  }
  }
${
    mask === null
      ? ""
      : rows((r) =>
        sides.map((side) =>
          `  ${side}State${r} *= entering_${side}[rowTile * ${TILE_ROWS}u + ${r}u];${
            share(side, r)
          }
  sum${r} += ${side}State${r};`
        ).join("\n")
      )
  }`;
}

/** Writes the results of the threads that have a tile. */
function finishing(role: Role, shape: Shape): string {
  const { finish, output } = role;
  const { blockRows } = shape;
  const writes = (value: (r: number) => string) =>
    rows((r) =>
      `    if (row + ${r}u < count) { write_${output.name}(row${r}, outputQuad, ${
        value(r)
      }); }`
    );
  switch (finish.kind) {
    case "none":
      return /* wgsl */ `
  if (hasTile) {
${writes((r) => `sum${r}`)}
  }`;
    case "attention":
      return /* wgsl */ `
  if (hasTile && outputQuad == quads - 1u) {
    let ones = problem.valueDim % 4u;
${
        rows((r) =>
          `    let total${r} = problem.scale * sum${r}[ones];
    totals[rowTile * ${TILE_ROWS}u + ${r}u] = total${r};
    if (row + ${r}u < count) { rowSums[row${r}] = total${r}; }`
        )
      }
  }
  workgroupBarrier();
  if (hasTile) {
    let normalize = problem.normalize == 1u;
${
        writes((r) => {
          const total = `totals[rowTile * ${TILE_ROWS}u + ${r}u]`;
          return `problem.scale * sum${r} / select(1.0, ${total} + problem.epsilon, normalize)`;
        })
      }
  }`;
    case "shares":
      return /* wgsl */ `
  if (hasTile) {
${writes((r) => `sum${r}`)}
  }
  workgroupBarrier();
  if (hasTile) {
${
        rows((r) =>
          `    scores[(rowTile * ${TILE_ROWS}u + ${r}u) * quads + outputQuad] = share${r};`
        )
      }
  }
  workgroupBarrier();
  for (var r = thread; r < ${blockRows}u; r += ${threadsOf(shape)}u) {
    if (firstRow + r < count) {
      var share = vec4f();
      for (var quad = 0u; quad < quads; quad++) { share += scores[r * quads + quad]; }
      ${finish.name}[base + first + firstRow + r] = share;
    }
  }`;
  }
}
