/**
 * The mask of a chunk, from the log decays of its tokens.
 *
 * Every exponent is the sum of the log decays on one path, added up along it.
 * None is a difference of sums: beside a log decay of -10000 that would lose
 * all digits of the others. All terms have one sign, so nothing cancels.
 *
 * @module
 */

import { type LogDecays, readingLogDecay } from "../frame/cotangents.ts";

/** Log decays of one direction, as a token pays them that is arrived at. */
export interface Arrivals {
  readonly name: LogDecays;
  /** How far after the token lies the one whose log decay is applied on arriving at it. */
  readonly offset: -1 | 0 | 1;
}

/** The two triangles of a mask; one that is `null` is zero. */
export interface MaskSource {
  /** What is applied on arriving from the left, by what a token reads of those before it. */
  readonly before: Arrivals | null;
  /** What is applied on arriving from the right, by what a token reads of those after it. */
  readonly after: Arrivals | null;
  /**
   * Whether the log decays are read where they lie behind the cotangents
   * (`cotangents.ts`), and not in buffers of their own.
   */
  readonly isPacked: boolean;
}

/** The side of a token or chunk on which lies what it reads. */
export type Side = "before" | "after";

/** The mask of the attention itself, with readers as rows. */
export function forwardMask(causal: boolean, isPacked = false): MaskSource {
  return {
    before: { name: "f", offset: 0 },
    after: causal ? null : { name: "b", offset: 0 },
    isPacked,
  };
}

/**
 * The mask with readers and sources exchanged, which the gradients of k and v
 * need: what was applied on arriving from the right at i - 1 is now paid on
 * arriving from the left at i. They have the cotangents, and the log decays behind them.
 */
export function transposedMask(causal: boolean): MaskSource {
  return {
    before: causal ? null : { name: "b", offset: -1 },
    after: { name: "f", offset: 1 },
    isPacked: true,
  };
}

/** Names a mask in a key. */
export function maskKey(mask: MaskSource | null): string {
  if (mask === null) return "maskless";
  return sidesOf(mask).map((side) => {
    const { name, offset } = mask[side]!;
    return `${side}=${mask.isPacked ? "g." : ""}${name}${
      offset === 0 ? "" : offset < 0 ? "-1" : "+1"
    }`;
  }).join(",");
}

/** The log decays that some masks read, each once, from buffers of their own or packed. */
export function logDecaysOf(
  masks: readonly (MaskSource | null)[],
  isPacked: boolean,
): LogDecays[] {
  const names = masks.filter((mask) => mask?.isPacked === isPacked)
    .flatMap((mask) => [mask?.before?.name, mask?.after?.name]);
  return (["f", "b"] as const).filter((name) => names.includes(name));
}

/** WGSL functions that read the packed log decays of some masks. */
export function readingPacked(masks: readonly (MaskSource | null)[]): string {
  return logDecaysOf(masks, true).map(readingLogDecay).join("\n");
}

export function sidesOf(mask: MaskSource): Side[] {
  return (["before", "after"] as const).filter((side) => mask[side] !== null);
}

/** The array of log decays of the chunk on a side, and the sums of four each. */
const arrays = (side: Side) => ({ each: side, four: `${side}_four` });

/** Bytes of workgroup memory for the log decays of both sides. */
export function decayBytes(paddedTokens: number): number {
  return 2 * paddedTokens * 5;
}

/**
 * Workgroup arrays for the log decays of these sides, and `path_<side>(start,
 * end)`: their sum over the tokens start <= t < end of the chunk.
 */
export function declareDecays(
  sides: readonly Side[],
  paddedTokens: number,
): string {
  return sides.map((side) => {
    const { each, four } = arrays(side);
    return /* wgsl */ `
var<workgroup> ${each}: array<f32, ${paddedTokens}>;
var<workgroup> ${four}: array<f32, ${paddedTokens / 4}>;
fn path_${side}(start: u32, end: u32) -> f32 {
  var sum = 0.0;
  var t = start;
  for (; t < end && t % 4u != 0u; t++) { sum += ${each}[t]; }
  for (; t + 4u <= end; t += 4u) { sum += ${four}[t / 4u]; }
  for (; t < end; t++) { sum += ${each}[t]; }
  return sum;
}`;
  }).join("\n");
}

/**
 * Statements that fill the arrays for a chunk, with `base` the place of the
 * sequence's first token, `first` the chunk's first token, `count` its tokens
 * and `thread` the local index. They end with a barrier.
 *
 * Nobody arrives at the first token from the left, nor at the last from the
 * right: whatever lies there is not read.
 */
export function loadDecays(
  mask: MaskSource,
  paddedTokens: number,
  threads: number,
): string {
  const read = (name: LogDecays, place: string) =>
    mask.isPacked ? `log_${name}(${place})` : `${name}[${place}]`;
  const value = (side: Side, { name, offset }: Arrivals) => {
    const inside = side === "before" ? "t > 0u" : "t + 1u < problem.length";
    const at = offset === 0 ? "t" : offset < 0 ? "max(t, 1u) - 1u" : "t + 1u";
    const place = `base + min(${at}, problem.length - 1u)`;
    return `select(0.0, ${read(name, place)}, i < count && ${inside})`;
  };
  const sides = sidesOf(mask);
  const each = sides.map((side) =>
    `${arrays(side).each}[i] = ${value(side, mask[side]!)};`
  );
  const four = sides.map((side) => {
    const { each, four } = arrays(side);
    return `${four}[i] = (${each}[4u * i] + ${each}[4u * i + 1u]) + (${each}[4u * i + 2u] + ${each}[4u * i + 3u]);`;
  });
  return /* wgsl */ `
  for (var i = thread; i < ${paddedTokens}u; i += ${threads}u) {
    let t = first + i;
    ${each.join("\n    ")}
  }
  workgroupBarrier();
  for (var i = thread; i < ${paddedTokens / 4}u; i += ${threads}u) {
    ${four.join("\n    ")}
  }
  workgroupBarrier();`;
}

/** Bytes of workgroup memory for the weights of a chunk's mask. */
export function weightBytes(paddedTokens: number): number {
  return paddedTokens * (2 * 2 * 4 + 4 * 4);
}

/**
 * `weights(rowBlock, columnBlock) -> mat4x4f`: M_ij of four readers and four
 * sources, of which vector r holds the row of reader 4 rowBlock + r.
 *
 * Off the diagonal it is the product of the decays from the source to the end
 * of its block, through the blocks between, and from there to the reader: no
 * factor is above 1, so none underflows unless the product does.
 *
 * Both sides lie in one array, first `before` and then `after`, so that threads
 * on both sides of the diagonal take the same path.
 */
export function declareWeights(paddedTokens: number): string {
  const blocks = paddedTokens / 4;
  return /* wgsl */ `
var<workgroup> through: array<f32, ${2 * blocks}>;
var<workgroup> toReader: array<vec4f, ${2 * blocks}>;
var<workgroup> fromSource: array<vec4f, ${2 * blocks}>;
var<workgroup> diagonal: array<mat4x4f, ${blocks}>;
fn weights(rowBlock: u32, columnBlock: u32) -> mat4x4f {
  if (rowBlock == columnBlock) { return diagonal[rowBlock]; }
  let side = select(0u, ${blocks}u, columnBlock > rowBlock);
  var between = 0.0;
  for (var block = min(rowBlock, columnBlock) + 1u; block < max(rowBlock, columnBlock); block++) {
    between += through[side + block];
  }
  let reader = exp(between) * toReader[side + rowBlock];
  let source = fromSource[side + columnBlock];
  return mat4x4f(reader.x * source, reader.y * source, reader.z * source, reader.w * source);
}`;
}

/**
 * Statements that fill the arrays of {@linkcode declareWeights}; they end with
 * a barrier.
 */
export function loadWeights(
  mask: MaskSource,
  paddedTokens: number,
  threads: number,
): string {
  const blocks = paddedTokens / 4;
  // Sums of the block's log decays d0 … d3, by their first and last index.
  const sum = (side: Side, first: number, last: number) => {
    const terms = [];
    for (let t = first; t <= last; t++) terms.push(`${side}${t}`);
    return terms.length > 0 ? terms.join(" + ") : "0.0";
  };
  const fourSums = (side: Side, range: (t: number) => [number, number]) =>
    `exp(vec4f(${[0, 1, 2, 3].map((t) => sum(side, ...range(t))).join(", ")}))`;
  const fill = (side: Side) => {
    const at = side === "before" ? "i" : `${blocks}u + i`;
    if (mask[side] === null) {
      return `
    through[${at}] = 0.0;
    toReader[${at}] = vec4f();
    fromSource[${at}] = vec4f();`;
    }
    const [reader, source] = side === "before"
      ? [
        fourSums(side, (t) => [0, t]),
        fourSums(side, (t) => [t + 1, 3]),
      ]
      : [
        fourSums(side, (t) => [t, 3]),
        fourSums(side, (t) => [0, t - 1]),
      ];
    return `
${
      [0, 1, 2, 3].map((t) => `    let ${side}${t} = ${side}[i * 4u + ${t}u];`)
        .join("\n")
    }
    through[${at}] = ${side}_four[i];
    toReader[${at}] = ${reader};
    fromSource[${at}] = ${source};`;
  };
  const entry = (r: number, c: number) => {
    if (c === r) return "1.0";
    const side = c < r ? "before" : "after";
    if (mask[side] === null) return "0.0";
    const path = c < r ? sum(side, c + 1, r) : sum(side, r, c - 1);
    return `exp(${path})`;
  };
  const rows = [0, 1, 2, 3].map((r) =>
    `      vec4f(${[0, 1, 2, 3].map((c) => entry(r, c)).join(", ")}),`
  );
  return /* wgsl */ `
  for (var i = thread; i < ${blocks}u; i += ${threads}u) {${fill("before")}${
    fill("after")
  }
    diagonal[i] = mat4x4f(
${rows.join("\n")}
    );
  }
  workgroupBarrier();`;
}
