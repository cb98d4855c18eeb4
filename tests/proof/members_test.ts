/** Members of the family that a scalar sweep computes, in exact arithmetic. @module */
import { assertEquals, assertLess } from "@std/assert";
import { type Draw, identity, Matrix } from "../../notebooks/proof/mod.ts";

const tokens = (count: number) => Array.from({ length: count }, (_, i) => i);

/** The product of the decays of the tokens after j, up to i. */
function pathTo(decays: Matrix, i: number, j: number): Matrix {
  return tokens(i + 1).slice(j + 1)
    .reduce((product, t) => product.times(decays.at(t)), Matrix.ones(1, 1));
}

/** Entries of a square of the tokens, of which those above the diagonal are 0. */
const below = (
  count: number,
  entry: (i: number, j: number) => Matrix,
): Matrix =>
  Matrix.stack(
    tokens(count).map((i) =>
      tokens(count).map((j) => j <= i ? entry(i, j) : Matrix.zeros(1, 1))
        .reduce((row, x) => row.beside(x))
    ),
  );

const mamba3 = (draw: Draw) => ({
  ...{ x: draw(6, 2), b: draw(6, 3), c: draw(6, 3) },
  ...{ decay: draw(6, 1), dt: draw(6, 1), share: draw(6, 1) },
  /** Tangents of half the angles. */
  turn: draw(6, 1),
});
type Mamba3 = ReturnType<typeof mamba3>;

/** Turns the first two channels of three by an angle with this half tangent, or back. */
function turning(tangent: Matrix, sign: 1 | -1): Matrix {
  const one = Matrix.ones(1, 1), square = tangent.times(tangent);
  const cosine = one.minus(square).over(one.plus(square));
  const sine = tangent.times(2 * sign).over(one.plus(square));
  const zero = Matrix.zeros(1, 1);
  return Matrix.stack([
    cosine.beside(zero.minus(sine)).beside(zero),
    sine.beside(cosine).beside(zero),
    zero.beside(zero).beside(one),
  ]);
}

/** The recurrence of the paper, which writes each token twice. */
function inSteps({ x, b, c, decay, dt, share, turn }: Mamba3): Matrix {
  let state = Matrix.zeros(3, 2), last = Matrix.zeros(3, 2);
  return Matrix.stack(
    tokens(6).map((t) => {
      const own = dt.at(t).times(share.at(t)), again = dt.at(t).minus(own);
      const written = b.row(t).transpose().times(x.row(t));
      state = turning(turn.at(t), -1)
        .times(state.plus(last.times(again)))
        .times(decay.at(t))
        .plus(written.times(own));
      last = written;
      return c.row(t).times(state);
    }),
  );
}

/** One sweep of attention: turned vectors, and weights with the neighbour's step. */
function asAttention({ x, b, c, decay, dt, share, turn }: Mamba3): Matrix {
  let all = Matrix.eye(3);
  const turns = tokens(6).map((t) => all = turning(turn.at(t), 1).times(all));
  const turned = (x: Matrix) =>
    Matrix.stack(
      turns.map((turn, t) => turn.times(x.row(t).transpose()).transpose()),
    );
  const own = dt.hadamard(share), again = dt.minus(own);
  const after = Matrix.stack([again.rows(1, 6), Matrix.zeros(1, 1)]);
  const scores = turned(c).times(turned(b).transpose())
    .hadamard(below(6, (i, j) => pathTo(decay, i, j)));
  const products = c.hadamard(b).rowSums();
  return scores.times(x.hadamard(own.plus(after)))
    .minus(x.hadamard(after.hadamard(products)));
}

/** Both directions, of which the token's own write counts once. */
function bothWays(
  given: Mamba3,
  sweep: (given: Mamba3) => Matrix,
): Matrix {
  const reversed = Object.fromEntries(
    Object.entries(given).map(([name, x]) => [name, x.reversed()]),
  ) as Mamba3;
  const { x, b, c, dt, share } = given;
  const own = dt.hadamard(share).hadamard(c.hadamard(b).rowSums());
  return sweep(given).plus(sweep(reversed).reversed())
    .minus(x.hadamard(own));
}

Deno.test("Mamba-3's two writes and its turning state are one sweep of attention", () => {
  const { chance } = identity("Mamba-3", mamba3, inSteps, asAttention, {
    trials: 3,
  });
  assertLess(chance, 1e-30);
});

Deno.test("Mamba-3 in both directions is a sum over all other tokens, and itself once", () => {
  const { chance } = identity(
    "Mamba-3 in both directions",
    mamba3,
    (given) => bothWays(given, inSteps),
    ({ x, b, c, decay, dt, share, turn }) => {
      const one = Matrix.ones(1, 1);
      const own = dt.hadamard(share), again = dt.minus(own);
      return Matrix.stack(
        tokens(6).map((i) =>
          tokens(6).map((j) => {
            // The tokens at which a state arrives on its way from j to i.
            const way = j < i
              ? tokens(6).slice(j + 1, i + 1)
              : tokens(6).slice(i, j);
            const turns = way.reduce(
              (product, t) => turning(turn.at(t), -1).times(product),
              Matrix.eye(3),
            );
            const decays = way.reduce(
              (product, t) => product.times(decay.at(t)),
              one,
            );
            const written = j === i
              ? own.at(j)
              : own.at(j).plus(again.at(j < i ? j + 1 : j - 1));
            return x.row(j).times(
              c.row(i).times(turns).times(b.row(j).transpose())
                .times(decays).times(written),
            );
          }).reduce((sum, y) => sum.plus(y))
        ),
      );
    },
    { trials: 3 },
  );
  assertLess(chance, 1e-30);
});

const bitLength = (n: number) => 32 - Math.clz32(n);

Deno.test("the states of a binary tree's levels weigh pairs by the bit length of i xor j", () => {
  const { chance } = identity(
    "log-linear attention",
    (draw) => ({
      ...{ q: draw(13, 2), k: draw(13, 2), v: draw(13, 3) },
      ...{ decay: draw(13, 1), scales: draw(13, 5) },
    }),
    ({ q, k, v, decay, scales }) => {
      const states = Array.from({ length: 5 }, () => Matrix.zeros(2, 3));
      return Matrix.stack(
        tokens(13).map((t) => {
          for (const [level, state] of states.entries()) {
            states[level] = state.times(decay.at(t));
          }
          if (t > 0) {
            // The blocks that end before this token become one.
            const into = bitLength(t & -t);
            for (let level = 0; level < into; level++) {
              states[into] = states[into]!.plus(states[level]!);
              states[level] = Matrix.zeros(2, 3);
            }
          }
          states[0] = k.row(t).transpose().times(v.row(t));
          return states.map((state, level) =>
            q.row(t).times(state).times(scales.at(t, level))
          ).reduce((sum, y) => sum.plus(y));
        }),
      );
    },
    ({ q, k, v, decay, scales }) =>
      q.times(k.transpose())
        .hadamard(
          below(13, (i, j) =>
            scales.at(i, bitLength(i ^ j)).times(pathTo(decay, i, j))),
        )
        .times(v),
  );
  assertLess(chance, 1e-30);
});

Deno.test("from either end, the tree of a power of two tokens has the same levels", () => {
  for (const count of [1, 2, 8, 64]) {
    for (const i of tokens(count)) {
      for (const j of tokens(count)) {
        assertEquals(
          bitLength((count - 1 - i) ^ (count - 1 - j)),
          bitLength(i ^ j),
        );
      }
    }
  }
});
