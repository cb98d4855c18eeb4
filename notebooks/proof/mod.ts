/**
 * Proofs in exact arithmetic.
 *
 * A floating-point test says that two sides are close at one point. In a finite
 * field, at random unknowns, they are either equal, number by number, or not.
 * The probability that a false identity passes is known, and far below that of
 * a hardware fault. See {@linkcode identity}.
 *
 * @example Linear attention is an RNN
 * ```ts
 * import { assertLess } from "@std/assert";
 * import { type Draw, identity, Matrix } from "./mod.ts";
 *
 * const tokens = (draw: Draw) => ({
 *   Q: draw(5, 3), K: draw(5, 3), V: draw(5, 2),
 * });
 * const { chance } = identity(
 *   "tril(QKᵀ) V = an RNN",
 *   tokens,
 *   ({ Q, K, V }) => Q.times(K.transpose()).tril().times(V),
 *   ({ Q, K, V }) => {
 *     let S = Matrix.zeros(3, 2);
 *     return Matrix.stack([0, 1, 2, 3, 4].map((i) => {
 *       S = S.plus(K.row(i).transpose().times(V.row(i)));
 *       return Q.row(i).times(S);
 *     }));
 *   },
 * );
 * assertLess(chance, 1e-35);
 * ```
 *
 * @module
 */
export type { Degree } from "./degree.ts";
export { PRIME } from "./field.ts";
export { gradient } from "./gradient.ts";
export {
  type Counterexample,
  counterexample,
  type Identity,
  identity,
  type IdentityOptions,
} from "./identity.ts";
export { Matrix, type Operand } from "./matrix.ts";
export { type Draw, drawer } from "./random.ts";
export type { Shape } from "./shape.ts";
