/**
 * Transitions of rank one in exact arithmetic: both directions are products of matrices,
 * and chunks are the recurrence.
 *
 * @module
 */
import { assertLess } from "@std/assert";
import {
  counterexample,
  type Draw,
  identity,
  Matrix,
} from "../../notebooks/proof/mod.ts";

const D = 3, E = 2;

/** What tokens have: a row each, but of `steps` in all but q and the decays. */
interface Tokens {
  readonly q: Matrix;
  readonly k: Matrix;
  readonly v: Matrix;
  readonly a: Matrix;
  /** Where what a reads is added; at k if `undefined`. */
  readonly b: Matrix | undefined;
  /** Decays of each channel on arriving at a token. */
  readonly decay: Matrix;
  readonly steps: number;
}

const unknowns = (length: number, steps: number, isTied: boolean) =>
(
  draw: Draw,
): Tokens => ({
  q: draw(length, D),
  k: draw(length * steps, D),
  v: draw(length * steps, E),
  a: draw(length * steps, D),
  b: isTied ? undefined : draw(length * steps, D),
  decay: draw(length, D),
  steps,
});

/** A column times a row. */
const outer = (x: Matrix, y: Matrix) => x.transpose().times(y);
const diagonal = (row: Matrix) =>
  Matrix.eye(D).hadamard(row.transpose().times(Matrix.ones(1, D)));
const sum = (terms: readonly Matrix[]) =>
  terms.reduce((total, next) => total.plus(next));
const tokensOf = ({ q }: Tokens) =>
  Array.from({ length: q.shape[0] }, (_, i) => i);
const stepsOf = ({ steps }: Tokens, i: number) =>
  Array.from({ length: steps }, (_, j) => i * steps + j);

/** What a step does with a state, which has decayed by the diagonal of a matrix. */
function after(
  { k, v, a, b = k }: Tokens,
  step: number,
  S: Matrix,
  decay: Matrix,
): Matrix {
  const read = a.row(step).times(S);
  return decay.times(S).plus(outer(b.row(step), read))
    .plus(outer(k.row(step), v.row(step)));
}

/** The state after a token. */
function visit(t: Tokens, i: number, S: Matrix): Matrix {
  return stepsOf(t, i).reduce(
    (state, step, n) =>
      after(t, step, state, n ? Matrix.eye(D) : diagonal(t.decay.row(i))),
    S,
  );
}

/** What a token writes into a state of 0. */
const written = (t: Tokens, i: number) => visit(t, i, Matrix.zeros(D, E));

/** A_i of a token: the product of its steps. */
function transition(t: Tokens, i: number): Matrix {
  return stepsOf(t, i).reduce((product, step, n) => {
    const decay = n ? Matrix.eye(D) : diagonal(t.decay.row(i));
    const changed = outer((t.b ?? t.k).row(step), t.a.row(step));
    return decay.plus(changed).times(product);
  }, Matrix.eye(D));
}

/** What tokens read that are visited in an order. */
function sweep(t: Tokens, order: readonly number[]): Matrix {
  const read: Matrix[] = [];
  let S = Matrix.zeros(D, E);
  for (const i of order) {
    S = visit(t, i, S);
    read[i] = t.q.row(i).times(S);
  }
  return Matrix.stack(read);
}

const fromLeft = (t: Tokens) => sweep(t, tokensOf(t));
const fromBoth = (t: Tokens) =>
  fromLeft(t).plus(sweep(t, tokensOf(t).toReversed()));
const own = (t: Tokens) =>
  Matrix.stack(tokensOf(t).map((i) => t.q.row(i).times(written(t, i))));

/** A path holds the transitions of its tokens but the source, the reader's last. */
function passed(t: Tokens, i: number, j: number): Matrix {
  if (i === j) return Matrix.eye(D);
  return transition(t, i).times(passed(t, i > j ? i - 1 : i + 1, j));
}

const explicit = (t: Tokens) =>
  Matrix.stack(
    tokensOf(t).map((i) =>
      sum(
        tokensOf(t).map((j) =>
          t.q.row(i).times(passed(t, i, j)).times(written(t, j))
        ),
      )
    ),
  );

/** The product of decays on arriving at the steps after one, up to another. */
function path(t: Tokens, from: number, to: number): Matrix {
  let product = Matrix.ones(1, D);
  for (let step = from + 1; step <= to; step++) {
    if (step % t.steps) continue;
    product = product.hadamard(t.decay.row(step / t.steps));
  }
  return product;
}

/** Z of (I - T) Z = Y, row by row, since T is 0 on its diagonal and above. */
function solved(T: Matrix, Y: Matrix): Matrix {
  const rows: Matrix[] = [];
  for (let i = 0; i < Y.shape[0]; i++) {
    const known = rows.map((row, j) => row.times(T.at(i, j)));
    rows.push(sum([Y.row(i), ...known]));
  }
  return Matrix.stack(rows);
}

/**
 * The chunks of `size` steps. Where T, P and the rows of a chunk are as
 * `lib/attention/forms/transition_forms.ts` has them, the system (I - T) Z = R H + V, or
 * R H + T' V, gives what is added at b.
 */
function inChunks(t: Tokens, size: number): Matrix {
  const { k, v, a, b = k } = t, isTied = t.b === undefined;
  const length = k.shape[0], outputs: Matrix[] = [];
  let H = Matrix.zeros(D, E);
  for (let start = 0; start < length; start += size) {
    const end = Math.min(start + size, length), count = end - start;
    /** Products of rows with decayed rows of steps before; a path ends at a reader or one step earlier. */
    const products = (
      rows: (step: number) => Matrix,
      of: Matrix,
      early: 0 | 1,
    ) =>
      Matrix.stack(
        Array.from({ length: count }, (_, i) =>
          Array.from({ length: count }, (_, j) => {
            const to = start + i - early, from = start + j;
            if (to < from) {
              return Matrix.zeros(1, 1);
            }
            const decayed = of.row(from).hadamard(path(t, from, to));
            return rows(start + i).times(decayed.transpose());
          }).reduce((row, next) =>
            row.beside(next)
          )),
      );
    const query = (step: number) =>
      (step + 1) % t.steps
        ? Matrix.zeros(1, D)
        : t.q.row((step - t.steps + 1) / t.steps);
    const rows = (of: (step: number) => Matrix, early: 0 | 1) =>
      Matrix.stack(
        Array.from({ length: count }, (_, i) =>
          of(start + i).hadamard(path(t, start - 1, start + i - early))),
      );
    const toEnd = (of: Matrix) =>
      Matrix.stack(
        Array.from({ length: count }, (_, j) =>
          of.row(start + j).hadamard(path(t, start + j, end - 1))),
      );
    const reader = (step: number) => a.row(step);
    const values = v.rows(start, end);
    const sources = isTied ? values : products(reader, k, 1).times(values);
    const Z = solved(
      products(reader, b, 1),
      rows(reader, 1).times(H).plus(sources),
    );
    const read = rows(query, 0).times(H).plus(products(query, b, 0).times(Z));
    outputs.push(
      isTied ? read : read.plus(products(query, k, 0).times(values)),
    );
    H = diagonal(path(t, start - 1, end - 1)).times(H)
      .plus(toEnd(b).transpose().times(Z));
    if (!isTied) H = H.plus(toEnd(k).transpose().times(values));
  }
  const all = Matrix.stack(outputs);
  return Matrix.stack(
    tokensOf(t).map((i) => all.row((i + 1) * t.steps - 1)),
  );
}

/** A chance that a false identity passes which is below that of anything else. */
const NONE = 1e-28;

for (const isTied of [true, false]) {
  for (const steps of [1, 2, 3]) {
    const kind = `${isTied ? "tied" : "untied"}, steps ${steps}`;
    Deno.test(`transitions from both ends are explicit products, each token once: ${kind}`, () => {
      for (const length of [1, 2, 5]) {
        const { chance } = identity(
          `both ways, ${length} tokens`,
          unknowns(length, steps, isTied),
          (t) => fromBoth(t).minus(own(t)),
          explicit,
        );
        assertLess(chance, NONE);
      }
    });
    Deno.test(`chunks of transitions are their recurrence: ${kind}`, () => {
      for (const length of [1, 2, 7]) {
        for (const size of [1, 3, 4, 21]) {
          const { chance } = identity(
            `${length} tokens in chunks of ${size} steps`,
            unknowns(length, steps, isTied),
            fromLeft,
            (t) => inChunks(t, size),
          );
          assertLess(chance, NONE);
        }
      }
    });
  }
}

Deno.test("several steps of a token write more than their values", () => {
  counterexample(
    "the own write of each step by itself",
    unknowns(2, 2, true),
    (t) => fromBoth(t).minus(own(t)),
    (t) =>
      fromBoth(t).minus(
        Matrix.stack(
          tokensOf(t).map((i) =>
            sum(
              stepsOf(t, i).map((step) =>
                t.q.row(i).times(outer(t.k.row(step), t.v.row(step)))
              ),
            )
          ),
        ),
      ),
  );
});

Deno.test("a row that reads after its decay is one before it that has decayed", () => {
  const { chance } = identity(
    "the delta rule",
    unknowns(5, 1, true),
    (t) => fromLeft({ ...t, a: t.k.times(-1).hadamard(t.decay) }),
    (t) => {
      let S = Matrix.zeros(D, E);
      return Matrix.stack(
        tokensOf(t).map((i) => {
          const key = t.k.row(i), decayed = diagonal(t.decay.row(i)).times(S);
          const news = t.v.row(i).minus(key.times(decayed));
          S = decayed.plus(outer(key, news));
          return t.q.row(i).times(S);
        }),
      );
    },
  );
  assertLess(chance, NONE);
});
