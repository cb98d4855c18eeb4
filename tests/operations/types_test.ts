/**
 * Every operation with every type of number: int32 and bool compute what the
 * same numbers in float32 do, gradients too; all else is refused by name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  decayMask,
  eluPlusOne,
  fixedDecay,
  lionAttention,
  logSigmoid,
  multiScanAttention,
  recurrentState,
  recurrentStep,
  selectiveDecay,
  shiftedSilu,
} from "../../mod.ts";
import { identity } from "../../lib/operations/feature_map.ts";
import {
  dense,
  gelu,
  joinHeads,
  layerNorm,
  rmsNorm,
  splitHeads,
} from "../../lib/operations/mod.ts";
import { withoutPadding } from "../../lib/operations/padding.ts";
import { runKernel } from "../../lib/tfjs/kernel/kernel.ts";
import { GELU } from "../../lib/operations/gelu.ts";
import { onEachBackend } from "../backends.ts";
import { uniform } from "../random.ts";

type Tensors = readonly tf.Tensor[];

/** An operation, and the shapes of its arguments by their names. */
interface Subject {
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly run: (...x: tf.Tensor[]) => tf.Tensor | Tensors;
  /** Integers of which arguments are made; bool has 0 and 1. */
  readonly make?: (u: number) => number;
}

const perHead = [2, 2, 5], rows = [2, 2, 5, 4];
const vectors = { q: rows, k: rows, v: rows };
/** Log decays are not above 0. */
const lower = (u: number) => -Math.floor(3 * u);
const one = (of: string): Subject["shapes"] => ({ [`${of}'s x`]: rows });

type T4 = tf.Tensor4D;

const SUBJECTS: Record<string, Subject> = {
  layerNorm: {
    shapes: {
      "layerNorm's x": [3, 4],
      "layerNorm's scale": [4],
      "layerNorm's offset": [4],
    },
    run: (x, scale, offset) =>
      layerNorm(x!, scale as tf.Tensor1D, offset as tf.Tensor1D),
  },
  rmsNorm: {
    shapes: {
      "rmsNorm's x": [3, 4],
      "rmsNorm's scale": [4],
      "rmsNorm's gate": [3, 4],
    },
    run: (x, scale, gate) =>
      rmsNorm(x!, scale as tf.Tensor1D, gate ? { gate } : {}),
  },
  gelu: { shapes: one("gelu"), run: (x) => gelu(x!) },
  logSigmoid: { shapes: one("logSigmoid"), run: (x) => logSigmoid(x!) },
  "dense without bias": {
    shapes: { "dense's x": [2, 3, 4], "dense's weight": [4, 4] },
    run: (x, weight) => dense(x!, weight as tf.Tensor2D),
  },
  dense: {
    shapes: {
      "dense's x": [2, 3, 4],
      "dense's weight": [4, 4],
      "dense's bias": [4],
    },
    run: (x, weight, bias) =>
      dense(x!, weight as tf.Tensor2D, bias as tf.Tensor1D),
  },
  joinHeads: {
    shapes: { "joinHeads' x": rows },
    run: (x) => joinHeads(x as T4),
  },
  eluPlusOne: { shapes: one("eluPlusOne"), run: (x) => eluPlusOne(x as T4) },
  shiftedSilu: { shapes: one("shiftedSilu"), run: (x) => shiftedSilu(x as T4) },
  identity: { shapes: one("identity"), run: (x) => identity(x as T4) },
  withoutPadding: {
    shapes: { x: [2, 3, 4] },
    run: (x) => withoutPadding(x!, tf.tensor2d([[1, 0, 1], [0, 1, 1]])),
  },
  ...Object.fromEntries(
    [identity, tf.relu, eluPlusOne, shiftedSilu, (x: T4) => x].map((
      featureMap,
      i,
    ): [string, Subject] => [`splitHeads with map ${i}`, {
      shapes: { "splitHeads' x": [2, 3, 12] },
      run: (x) => {
        const options = { numHeads: 2, featureMap };
        const { q, k, v } = splitHeads(x as tf.Tensor3D, options);
        return [q, k, v];
      },
    }]),
  ),
  ...Object.fromEntries(
    (["auto", "full", "recurrent", "blockwise", "chunkwise"] as const).map((
      form,
    ): [string, Subject] => [`lionAttention as ${form}`, {
      shapes: vectors,
      run: (q, k, v) => {
        const decay = fixedDecay(tf.tensor1d([-0.1, -1]));
        return lionAttention(q as T4, k as T4, v as T4, { decay, form });
      },
      make: (u) => 1 + Math.floor(3 * u),
    }]),
  ),
  "lionAttention with a mask": {
    shapes: vectors,
    run: (q, k, v) => {
      const mask = tf.tensor2d([[1, 1, 0, 1, 1], [1, 0, 1, 1, 1]]);
      return lionAttention(q as T4, k as T4, v as T4, { mask });
    },
    make: (u) => 1 + Math.floor(3 * u),
  },
  multiScanAttention: {
    shapes: { ...vectors, "selectiveDecay's logDecay": perHead },
    run: (q, k, v, logDecay) =>
      multiScanAttention(q as T4, k as T4, v as T4, [{
        order: [4, 2, 0, 1, 3],
        decay: selectiveDecay(logDecay as tf.Tensor3D),
      }], { normalize: false }),
    make: lower,
  },
  recurrentStep: {
    shapes: { ...vectors, logDecay: perHead },
    run: (q, k, v, logDecay) => {
      const state = recurrentState({
        batch: 2,
        heads: 2,
        headDim: 4,
        valueDim: 4,
      });
      const options = { normalize: false };
      const input = {
        q: q as T4,
        k: k as T4,
        v: v as T4,
        logDecay: logDecay as tf.Tensor3D,
      };
      const first = recurrentStep(state, input, options);
      return [recurrentStep(first.state, input, options).y];
    },
    make: lower,
  },
  fixedDecay: {
    shapes: { "fixedDecay's logDecay": [2] },
    run: (x) => attendTo(fixedDecay(x as tf.Tensor1D)),
    make: lower,
  },
  "selectiveDecay, source": {
    shapes: { "selectiveDecay's logDecay": perHead },
    run: (x) => attendTo(selectiveDecay(x as tf.Tensor3D)),
    make: lower,
  },
  "selectiveDecay, arrival": {
    shapes: { "selectiveDecay's logDecay": perHead },
    run: (x) =>
      attendTo(selectiveDecay(x as tf.Tensor3D, { convention: "arrival" })),
    make: lower,
  },
  bidirectionalDecay: {
    shapes: {
      "bidirectionalDecay's forward": perHead,
      "bidirectionalDecay's backward": perHead,
    },
    run: (f, b) =>
      attendTo(bidirectionalDecay(f as tf.Tensor3D, b as tf.Tensor3D)),
    make: lower,
  },
  decayMask: {
    shapes: { "selectiveDecay's logDecay": perHead },
    run: (x) => decayMask(selectiveDecay(x as tf.Tensor3D), 5),
    make: lower,
  },
};

/** An attention in which only the decay varies. */
function attendTo(decay: Parameters<typeof decayMask>[0]): tf.Tensor {
  const x = tf.reshape(tf.range(1, 81), [2, 2, 5, 4]) as T4;
  const small = tf.div(x, 40) as T4;
  return lionAttention(small, small, small, { decay });
}

type Kind = "float32" | "int32" | "bool" | "int32 that is called float32";

/** The same numbers in a type. */
function tensorOf(values: number[], shape: readonly number[], kind: Kind) {
  const dtype = kind.startsWith("int32") ? "int32" : kind as "bool";
  const x = tf.tensor(values, [...shape], dtype);
  return kind === "int32 that is called float32" ? tf.cast(x, "float32") : x;
}

/** Outputs and gradients, flat. */
async function solve(
  { shapes, run }: Subject,
  values: number[][],
  kind: Kind,
): Promise<number[][]> {
  const results = tf.tidy(() => {
    const inputs = Object.values(shapes)
      .map((shape, i) => tensorOf(values[i]!, shape, kind));
    const flat = (...x: tf.Tensor[]) => {
      const y = run(...x);
      const all = Array.isArray(y) ? y as tf.Tensor[] : [y as tf.Tensor];
      all.forEach(({ dtype }) => assertEquals(dtype, "float32"));
      return tf.concat(all.map((x) => tf.reshape(x, [-1])));
    };
    const size = tf.tidy(() => flat(...inputs).size);
    // So that no gradient is that of a sum. tfjs refuses other gradients.
    const dy = tensorOf(
      Array.from({ length: size }, (_, i) => i % 5 - 2),
      [size],
      kind === "int32 that is called float32" ? kind : "float32",
    );
    const { value, grads } = tf.valueAndGrads(flat)(inputs, dy);
    grads.forEach((gradient, i) => {
      assertEquals(gradient.dtype, "float32");
      assertEquals(gradient.shape, inputs[i]!.shape);
    });
    return [value, ...grads];
  });
  const arrays = await Promise.all(results.map((x) => x.data()));
  tf.dispose(results);
  return arrays.map((x) => [...x]);
}

function assertClose(actual: number[][], expected: number[][], label: string) {
  expected.forEach((values, which) =>
    values.forEach((value, i) => {
      const error = Math.abs(actual[which]![i]! - value);
      assert(
        error <= 1e-5 * Math.max(1, Math.abs(value)),
        `${label}: ${actual[which]![i]} for ${value}`,
      );
    })
  );
}

for (const [name, subject] of Object.entries(SUBJECTS)) {
  const { shapes, make = (u) => Math.floor(7 * u) - 3 } = subject;
  onEachBackend(`${name} computes with integers and booleans`, async () => {
    const random = uniform(name.length);
    const valuesOf = (make: (u: number) => number) =>
      Object.values(shapes).map((shape) =>
        Array.from(
          { length: tf.util.sizeFromShape([...shape]) },
          () => make(random()) + 0,
        )
      );
    const numbers = valuesOf(make);
    const expected = await solve(subject, numbers, "float32");
    for (const kind of ["int32", "int32 that is called float32"] as const) {
      assertClose(await solve(subject, numbers, kind), expected, kind);
    }
    // A decay is a logarithm <= 0, of which bool has one.
    const bits = valuesOf((u) => make === lower ? 0 : u < 0.5 ? 0 : 1);
    const ofFloats = await solve(subject, bits, "float32");
    assertClose(await solve(subject, bits, "bool"), ofFloats, "bool");
  });

  onEachBackend(`${name} refuses strings and complex numbers`, (backend) => {
    const names = Object.keys(shapes);
    for (const [i, argument] of names.entries()) {
      const call = (odd: (shape: number[]) => tf.Tensor) => () =>
        tf.tidy(() => {
          const inputs = Object.values(shapes)
            // 1 is the logarithm of no decay.
            .map((shape) =>
              (make === lower ? tf.zeros : tf.ones)([...shape]) as tf.Tensor
            )
            .with(i, odd([...Object.values(shapes)[i]!]));
          subject.run(...inputs);
        });
      const texts = call((shape) =>
        tf.tensor(
          Array(tf.util.sizeFromShape(shape)).fill("1"),
          shape,
          "string",
        )
      );
      assertThrows(texts, TypeError, `${argument} should be float32, or int32`);
      assertThrows(texts, TypeError, "got string: convert it to numbers");
      // tfjs-wasm has no complex numbers, and tfjs-webgpu leaks their parts.
      if (backend !== "cpu") continue;
      assertThrows(
        call((shape) => tf.complex(tf.ones(shape), tf.ones(shape))),
        TypeError,
        `${argument} should be float32, or int32 or bool, which are converted; got complex64`,
      );
    }
  });
}

onEachBackend("no kernel takes integers for floats, whoever calls it", () => {
  tf.tidy(() => {
    const kernels = tf.getKernelsForBackend(tf.getBackend())
      .map(({ kernelName }) => kernelName)
      .filter((name) => name.startsWith("Lion"));
    for (const name of kernels) {
      const x = tf.ones([1, 1, 1, 1], "int32");
      const inputs = { x, q: x, logDecay: x, value: x };
      assertThrows(
        () => tf.engine().runKernel(name, inputs),
        TypeError,
        "should be float32, got int32; cast it",
      );
    }
  });
});

onEachBackend("runKernel() names the kernel and its input", () => {
  tf.tidy(() => {
    const x = tf.tensor1d(["a"]);
    assertThrows(
      () => runKernel(GELU, { x }),
      TypeError,
      "LionGelu's x should be float32, or int32 or bool",
    );
  });
});
