/**
 * What attention and each of its gradients have in common: one function of four
 * kinds of vectors.
 *
 *     z_i = Σ_j M_ij (r_i · o_j) x_j
 *
 * With r = q, o = k and x = v that is attention. Each of its gradients is the
 * same function of other vectors, g being the cotangents of the sums and v with
 * its column of ones:
 *
 *     dq: r = g, o = v, x = k        dk: r = v, o = g, x = q, M transposed
 *                                    dv: r = k, o = q, x = g, M transposed
 *
 * @module
 */
import type { Vectors, Written } from "../frame/vectors.ts";
import type { States } from "./states.ts";

/** One function of this kind: attention or one of its gradients. */
export interface Role {
  /** The vectors r of the tokens that read. */
  readonly rows: Vectors;
  /** The vectors o of the tokens that are read. */
  readonly others: Vectors;
  /** The vectors x of the tokens that are read. */
  readonly values: Vectors;
  /**
   * The states `Σ o xᵀ` that reach a chunk, or `Σ x oᵀ` if r has the columns
   * of a sum.
   */
  readonly states: States;
  /** The result z, but for its row sum. */
  readonly output: Written;
  /** What else is computed from z. */
  readonly finish:
    /**
     * Multiply by the scale, write the row sums, and divide by them if the
     * problem says so.
     */
    | { readonly kind: "attention" }
    /**
     * Write what the gradients of the log decays are summed from, the products of
     * z with these vectors of the tokens that read, in four terms: [chunk before,
     * chunk after, state before, state after].
     */
    | {
      readonly kind: "decayTerms";
      readonly own: Vectors;
      readonly name: string;
    }
    | { readonly kind: "none" };
}

/** Names a role in a key. */
export function roleKey(
  { rows, others, values, states, output, finish }: Role,
): string {
  const vectors = [rows, others, values].map(({ name }) => name).join("·");
  return `${output.name}=${vectors}+${states.name}:${finish.kind}`;
}
