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
import type { Differentiated, Sum } from "./float64.ts";

/** A problem without decay and normaliser: flat row-major arrays and their sizes. */
export interface UnnormalizedProblem {
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
  readonly scale: number;
  readonly causal: boolean;
  /** `[batch, length]`, 0 at padding, which may hold NaN. */
  readonly mask?: Float32Array;
  /** `[batch, length]`; a change of number is a border that no token reads across. */
  readonly segments?: Int32Array;
}

/** A problem. */
export interface Problem extends UnnormalizedProblem {
  readonly decay: OracleDecay;
  readonly epsilon: number;
  readonly normalize: boolean;
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

/** Zeros to add to. */
export function zeros(size: number): Sum {
  return {
    values: new Float64Array(size),
    magnitudes: new Float64Array(size),
  };
}

/** Which entry of which array is the log decay between a token and its neighbour, nearer to the reader. */
export function stepOf(
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
export function solve(problem: Problem): Differentiated {
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

  // Of one reader i: m_j M_ij s, w_ij, and what reaches log M_ij.
  const kept = new Float64Array(length);
  const weights = zeros(length);
  const ofLogMask = zeros(length);

  for (let sequence = 0; sequence < batch * heads; sequence++) {
    const head = sequence % heads;
    const entry = Math.floor(sequence / heads);
    const token = (i: number) => sequence * length + i;
    const place = (t: number) => decay.kind === "fixed" ? head : token(t);

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
      // The rows of token i; those of j are beside them. No closure is called
      // for each number: that takes most of the time.
      const iKey = token(i) * headDim, iValue = token(i) * valueDim;
      let total = 0;
      for (const j of read) {
        const jKey = token(j) * headDim;
        let sum = 0, magnitude = 0;
        for (let n = 0; n < headDim; n++) {
          const term = kept[j]! * q[iKey + n]! * k[jKey + n]!;
          sum += term;
          magnitude += Math.abs(term);
        }
        weights.values[j] = sum;
        weights.magnitudes[j] = magnitude;
        total += sum;
      }
      const norm = normalize ? total + epsilon : 1;
      for (const j of read) {
        const jValue = token(j) * valueDim;
        const weight = weights.values[j]!, magnitude = weights.magnitudes[j]!;
        for (let e = 0; e < valueDim; e++) {
          const value = v[jValue + e]!;
          y.values[iValue + e]! += weight * value / norm;
          y.magnitudes[iValue + e]! += magnitude * Math.abs(value / norm);
        }
      }

      ofLogMask.values.fill(0);
      ofLogMask.magnitudes.fill(0);
      for (const j of read) {
        const jKey = token(j) * headDim, jValue = token(j) * valueDim;
        const weight = weights.values[j]!, magnitude = weights.magnitudes[j]!;
        // dL/dw_ij, through the numerator and, if there is one, the row sum
        let ofWeight = 0, ofWeightMagnitude = 0;
        for (let e = 0; e < valueDim; e++) {
          const value = v[jValue + e]!, ofOutput = dy[iValue + e]!;
          const own = normalize ? y.values[iValue + e]! : 0;
          const share = Math.abs(ofOutput / norm);
          ofWeight += ofOutput * (value - own) / norm;
          ofWeightMagnitude += share * (Math.abs(value) + Math.abs(own));
          dv.values[jValue + e]! += ofOutput * weight / norm;
          dv.magnitudes[jValue + e]! += share * magnitude;
        }
        const ofScore = ofWeight * kept[j]!;
        const ofScoreMagnitude = ofWeightMagnitude * kept[j]!;
        for (let n = 0; n < headDim; n++) {
          const query = q[iKey + n]!, key = k[jKey + n]!;
          dq.values[iKey + n]! += ofScore * key;
          dq.magnitudes[iKey + n]! += ofScoreMagnitude * Math.abs(key);
          dk.values[jKey + n]! += ofScore * query;
          dk.magnitudes[jKey + n]! += ofScoreMagnitude * Math.abs(query);
        }
        ofLogMask.values[j] = ofWeight * weight;
        ofLogMask.magnitudes[j] = ofWeightMagnitude * magnitude;
      }
      // A decay is on the paths from all tokens beyond it.
      for (const side of decay.kind === "none" ? [] : sides) {
        let beyond = 0, beyondMagnitude = 0;
        for (let n = side.length - 1; n >= 0; n--) {
          beyond += ofLogMask.values[side[n]!]!;
          beyondMagnitude += ofLogMask.magnitudes[side[n]!]!;
          const [array, at] = stepOf(decay.kind, side[n]!, side[n - 1] ?? i);
          const { values, magnitudes } = ofDecay[array]!;
          values[place(at)]! += beyond;
          magnitudes[place(at)]! += beyondMagnitude;
        }
      }
    }
  }
  return { y, gradients: { q: dq, k: dk, v: dv, ...ofDecay } };
}
