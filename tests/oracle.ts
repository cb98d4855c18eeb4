/**
 * Attention in float64 loops, written from the definition and from nothing
 * else: the truth that the forms are compared with.
 *
 *     w_ij = m_i m_j M_ij s (q_i · k_j)
 *     y_i  = Σ_j w_ij v_j / (Σ_j w_ij + ε)
 *
 * where M_ij is the product of the decays on the path from j to i. Padding,
 * m = 0, is not read at all, and has no output and no gradient but its decays'.
 * No token reads across a border of segments.
 *
 * @module
 */

/** A problem: flat row-major arrays and their sizes. */
export interface Problem {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** `[batch, heads, length, headDim]` */
  readonly q: Float32Array;
  /** `[batch, heads, length, headDim]` */
  readonly k: Float32Array;
  /** `[batch, heads, length, valueDim]` */
  readonly v: Float32Array;
  /** `[batch, heads, length, valueDim]`, the gradient of the loss in y. */
  readonly dy: Float32Array;
  readonly decay: OracleDecay;
  readonly scale: number;
  readonly epsilon: number;
  readonly normalize: boolean;
  readonly causal: boolean;
  /** `[batch, length]`, 0 at padding, which may hold NaN. */
  readonly mask?: Float32Array;
  /** `[batch, length]`; a change of number is a border that no token reads across. */
  readonly segments?: Int32Array;
}

/** Log decays; `fixed` has `[heads]`, the others `[batch, heads, length]`. */
export type OracleDecay =
  | { readonly kind: "none" }
  | { readonly kind: "fixed"; readonly logDecay: Float32Array }
  | { readonly kind: "source" | "arrival"; readonly logDecay: Float32Array }
  | {
    readonly kind: "two-sided";
    readonly forward: Float32Array;
    readonly backward: Float32Array;
  };

/** A result, and how large the terms were that it is the sum of. */
export interface Sum {
  readonly values: Float64Array;
  /** Sums of absolute terms: rounding errors are relative to these. */
  readonly magnitudes: Float64Array;
}

/** The output, and the gradients by the name of their input. */
export interface Solution {
  readonly y: Sum;
  readonly gradients: Readonly<Record<string, Sum>>;
}

function zeros(size: number): Sum {
  return {
    values: new Float64Array(size),
    magnitudes: new Float64Array(size),
  };
}

function add(sum: Sum, at: number, term: number, magnitude: number): void {
  sum.values[at]! += term;
  sum.magnitudes[at]! += magnitude;
}

/** Which entry of which array is paid between a token and its neighbour, nearer to the reader. */
function stepOf(
  kind: OracleDecay["kind"],
  further: number,
  nearer: number,
): [array: "logDecay" | "forward" | "backward", at: number] {
  switch (kind) {
    case "source": // the source's decay counts, the reader's does not
      return ["logDecay", further];
    case "two-sided":
      return [further < nearer ? "forward" : "backward", nearer];
    default: // "arrival": the other way round; "fixed": any
      return ["logDecay", nearer];
  }
}

/** Whether no border lies between two tokens. */
export function isTogether(
  segments: Int32Array | undefined,
  i: number,
  j: number,
): boolean {
  if (!segments) return true;
  for (let t = Math.min(i, j); t < Math.max(i, j); t++) {
    if (segments[t] !== segments[t + 1]) return false;
  }
  return true;
}

/** Solves a problem: the output, and the gradients of Σ y · dy. */
export function solve(problem: Problem): Solution {
  const { batch, heads, length, headDim, valueDim, decay } = problem;
  const { q, k, v, dy, scale, epsilon, normalize, causal, mask } = problem;
  const { segments } = problem;
  const tokens = batch * heads * length;
  const y = zeros(tokens * valueDim);
  const dq = zeros(tokens * headDim);
  const dk = zeros(tokens * headDim);
  const dv = zeros(tokens * valueDim);
  const { kind: _, ...arrays } = decay as
    & { kind: string }
    & Record<
      string,
      Float32Array
    >;
  const ofDecay = Object.fromEntries(
    Object.entries(arrays).map(([name, x]) => [name, zeros(x.length)]),
  );

  for (let sequence = 0; sequence < batch * heads; sequence++) {
    const head = sequence % heads;
    const entry = Math.floor(sequence / heads);
    const token = (i: number) => sequence * length + i;
    const place = (t: number) => decay.kind === "fixed" ? head : token(t);
    const q_ = (i: number, n: number) => q[token(i) * headDim + n]!;
    const k_ = (j: number, n: number) => k[token(j) * headDim + n]!;
    const v_ = (j: number, e: number) => v[token(j) * valueDim + e]!;
    const dy_ = (i: number, e: number) => dy[token(i) * valueDim + e]!;

    const number = (i: number) => segments?.[entry * length + i];
    const isToken = (i: number) => mask?.[entry * length + i] !== 0;
    /** Tokens from the next one on, as far as the segment goes. */
    const outward = (i: number, way: -1 | 1): number[] => {
      const tokens: number[] = [];
      for (let j = i + way; j >= 0 && j < length; j += way) {
        if (number(j) !== number(j - way)) break;
        tokens.push(j);
      }
      return tokens;
    };

    for (let i = 0; i < length; i++) {
      if (!isToken(i)) continue;
      const sides = causal ? [outward(i, -1)] : [outward(i, -1), outward(i, 1)];
      const read = [i, ...sides.flat()].filter(isToken);
      const kept = new Float64Array(length); // m_j M_ij s
      kept[i] = scale;
      for (const side of sides) {
        let logMask = 0;
        let nearer = i;
        for (const j of side) {
          if (decay.kind !== "none") {
            const [array, at] = stepOf(decay.kind, j, nearer);
            logMask += arrays[array]![place(at)]!;
          }
          kept[j] = Math.exp(logMask) * scale;
          nearer = j;
        }
      }
      const weights = zeros(length); // w_ij
      let total = 0;
      for (const j of read) {
        for (let n = 0; n < headDim; n++) {
          const term = kept[j]! * q_(i, n) * k_(j, n);
          add(weights, j, term, Math.abs(term));
        }
        total += weights.values[j]!;
      }
      const norm = normalize ? total + epsilon : 1;
      for (let e = 0; e < valueDim; e++) {
        for (const j of read) {
          add(
            y,
            token(i) * valueDim + e,
            weights.values[j]! * v_(j, e) / norm,
            weights.magnitudes[j]! * Math.abs(v_(j, e) / norm),
          );
        }
      }

      const ofLogMask = zeros(length);
      for (const j of read) {
        // dL/dw_ij, through the numerator and, if there is one, the row sum
        let ofWeight = 0;
        let ofWeightMagnitude = 0;
        for (let e = 0; e < valueDim; e++) {
          const own = normalize ? y.values[token(i) * valueDim + e]! : 0;
          ofWeight += dy_(i, e) * (v_(j, e) - own) / norm;
          ofWeightMagnitude += Math.abs(dy_(i, e) / norm) *
            (Math.abs(v_(j, e)) + Math.abs(own));
          add(
            dv,
            token(j) * valueDim + e,
            dy_(i, e) * weights.values[j]! / norm,
            Math.abs(dy_(i, e) / norm) * weights.magnitudes[j]!,
          );
        }
        const addTo = (sum: Sum, at: number, factor: number) =>
          add(
            sum,
            at,
            ofWeight * kept[j]! * factor,
            ofWeightMagnitude * kept[j]! * Math.abs(factor),
          );
        for (let n = 0; n < headDim; n++) {
          addTo(dq, token(i) * headDim + n, k_(j, n));
          addTo(dk, token(j) * headDim + n, q_(i, n));
        }
        add(
          ofLogMask,
          j,
          ofWeight * weights.values[j]!,
          ofWeightMagnitude * weights.magnitudes[j]!,
        );
      }
      // A decay is on the paths from all tokens beyond it.
      for (const side of decay.kind === "none" ? [] : sides) {
        let beyond = 0, beyondMagnitude = 0;
        for (let n = side.length - 1; n >= 0; n--) {
          beyond += ofLogMask.values[side[n]!]!;
          beyondMagnitude += ofLogMask.magnitudes[side[n]!]!;
          const [array, at] = stepOf(decay.kind, side[n]!, side[n - 1] ?? i);
          add(ofDecay[array]!, place(at), beyond, beyondMagnitude);
        }
      }
    }
  }
  return { y, gradients: { q: dq, k: dk, v: dv, ...ofDecay } };
}
