/**
 * A NaN among the decays stays one, so that a model which diverges is seen to:
 * in all outputs and gradients that depend on it, and in no other sequence.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  checkDecay,
  gelu,
  layerNorm,
  lionAttention,
  logSigmoid,
  selectiveDecay,
} from "../../mod.ts";
import { finite } from "../../lib/attention/finite_decay.ts";
import { onEachBackend } from "../backends.ts";
import { solve } from "../oracle.ts";
import { type Case, DECAYS, describe, problemOf, run } from "./cases.ts";

const FORMS = [
  { form: "auto", chunkSize: 8, kernel: true },
  { form: "full", chunkSize: 1, kernel: true },
  { form: "recurrent", chunkSize: 1, kernel: true },
  { form: "blockwise", chunkSize: 8, kernel: true },
  { form: "chunkwise", chunkSize: 8, kernel: false },
] as const;

/** NaN at one token of head 1 of entry 0; or of the head, where it has one decay. */
function poisoned(c: Case, token: number) {
  const problem = problemOf(c);
  const { kind, ...arrays } = problem.decay as
    & { kind: string }
    & Record<string, Float32Array>;
  for (const values of Object.values(arrays)) {
    // Ordinary decays elsewhere: what underflowed would hide it.
    values.forEach((x, i) => values[i] = Math.max(x, -0.5));
    values[kind === "fixed" ? 1 : c.length + token] = NaN;
  }
  return problem;
}

for (const { form, chunkSize, kernel } of FORMS) {
  onEachBackend(
    `a NaN decay is one in all that depends on it: ${form}, kernel ${kernel}`,
    async (backend) => {
      // tfjs-webgpu's products read past a matrix and multiply by 0 what they
      // find, so that a NaN spreads: more is seen of it there, and not less.
      const spreads = backend === "webgpu" && !(kernel && form === "auto");
      const sizes = { batch: 2, heads: 2, length: 30, padded: false };
      for (const decay of DECAYS) {
        if (decay === "none") continue;
        for (const causal of [false, true]) {
          for (const normalize of [false, true]) {
            for (const token of [3, 17]) {
              const c: Case = { ...sizes, decay, causal, normalize };
              const problem = poisoned(c, token);
              const expected = solve(problem);
              const actual = await run(problem, form, chunkSize, { kernel });
              const compare = (
                name: string,
                got: Float32Array,
                wanted: Float64Array,
              ) => {
                const label = `${describe(c)} NaN at ${token}: ${name}`;
                // Of a sequence, or of a head.
                const parts = wanted.length === c.heads ? c.heads : 4;
                wanted.forEach((value, i) => {
                  const part = Math.floor(i * parts / wanted.length);
                  const beside = decay === "fixed"
                    ? part % 2 === 1
                    : part === 1;
                  if (Number.isNaN(value)) {
                    assert(Number.isNaN(got[i]!), `${label} ${i}: ${got[i]}`);
                  } else if (!beside && !spreads) {
                    const error = Math.abs(got[i]! - value);
                    assert(
                      error <= 1e-4 * Math.max(1, Math.abs(value)),
                      `${label} ${i}: ${got[i]} for ${value}`,
                    );
                  }
                });
              };
              assert(expected.y.values.some(Number.isNaN));
              compare("y", actual.y, expected.y.values);
              for (
                const [name, { values }] of Object.entries(expected.gradients)
              ) {
                compare(name, actual.gradients[name]!, values);
              }
            }
          }
        }
      }
    },
  );
}

/** NaN with all bits, with none below the first, and negative. */
const PAYLOADS = [0x7fc00000, 0xffc00000, 0x7fffffff, 0xffffffff, 0x7fc00001];

onEachBackend("any NaN is one, whatever its bits", async () => {
  const bits = Uint32Array.from([0xbf800000, ...PAYLOADS, 0xff800000]);
  const values = new Float32Array(bits.buffer);
  const x = tf.tensor1d(values);
  const clipped = finite(x);
  assertEquals([...await clipped.data()], [
    -1,
    ...PAYLOADS.map(() => NaN),
    -1e4,
  ]);
  const size = PAYLOADS.length;
  const ones = tf.ones<tf.Rank.R4>([1, size, 4, 1]);
  const decays = new Uint32Array(size * 4).fill(0xbf800000);
  PAYLOADS.forEach((payload, i) => decays[4 * i + 1] = payload);
  const problem = tf.tensor3d(new Float32Array(decays.buffer), [1, size, 4]);
  for (const convention of ["source", "arrival"] as const) {
    const decay = selectiveDecay(problem, { convention });
    const y = lionAttention(ones, ones, ones, { decay, form: "chunkwise" });
    const got = [...await y.data()];
    // Where the source's decay counts, token 1 does not read its own.
    const reads = (i: number) => convention === "arrival" || i % 4 !== 1;
    assert(got.every((value, i) => !reads(i) || Number.isNaN(value)));
    y.dispose();
  }
  tf.dispose([x, clipped, ones, problem]);
});

onEachBackend("-Infinity is as low as it gets, with no gradient", async () => {
  const x = tf.tensor1d([0, -1, -9999, -10001, -Infinity, NaN]);
  const dy = tf.tensor1d([1, 2, 3, NaN, NaN, 6]);
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor1D) => finite(x))(x, dy);
  assertEquals([...await value.data()], [0, -1, -9999, -1e4, -1e4, NaN]);
  assertEquals([...await grad.data()], [1, 2, 3, 0, 0, 6]);
  tf.dispose([x, dy, value, grad]);
});

onEachBackend(
  "operations pass a NaN on, forward and in gradients",
  async () => {
    const x = tf.tensor2d([[1, NaN, 2, 3], [1, 2, 3, 4]]);
    const one = tf.ones<tf.Rank.R1>([4]), zero = tf.zeros<tf.Rank.R1>([4]);
    const functions: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      logSigmoid,
      gelu,
      layerNorm: (x) => layerNorm(x, one, zero),
    };
    for (const [name, f] of Object.entries(functions)) {
      const { value, grad } = tf.valueAndGrad(f)(x);
      for (const result of [value, grad]) {
        const got = [...await result.data()];
        assert(Number.isNaN(got[1]), `${name}: ${got}`);
        assert(got.slice(4).every(Number.isFinite), `${name}: ${got}`);
        result.dispose();
      }
    }
    tf.dispose([x, one, zero]);
    const decay = tf.tensor3d([NaN], [1, 1, 1]);
    const error = await checkDecay(selectiveDecay(decay)).catch((e) => e);
    assert(error instanceof RangeError);
    decay.dispose();
  },
);
