/**
 * Every function of tensors: with nothing in it, of one token, in all types of
 * numbers, and with inputs that it refuses by name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import {
  type Call,
  CALLS,
  isLogarithm,
  type Operation,
  OPERATIONS,
  saysOf,
  shapeOf,
  type Sizes,
} from "./operations.ts";

/** The sizes of axes, no two of one input alike but of batches and heads. */
const SIZES: Sizes = {
  ...{ batch: 2, heads: 2, length: 3, headDim: 4, valueDim: 3, sums: 4 },
  steps: 5,
  ...{ channels: 4, stateDim: 2, taps: 3, columns: 5, outputs: 3 },
  ...{ features: 6, projections: 24, angles: 2, levels: 5 },
};

/** Inputs below 0, as log decays are; time steps, which only make some of them, are above. */
function inputsOf({ axes }: Operation, sizes: Sizes): tf.NamedTensorMap {
  const random = uniform(7);
  return Object.fromEntries(
    Object.entries(axes).map(([name, axes]) => {
      const shape = shapeOf(axes, sizes);
      const size = tf.util.sizeFromShape(shape);
      const values = array(size, random, (u) => -0.1 - 0.9 * u);
      const x = tf.tensor(values, shape);
      return [name, name === "dt" ? tf.neg(x) : x];
    }),
  );
}

/** Those that get their inputs as they are: what is in pieces is cut first. */
const WHOLE = CALLS.filter(({ name }) => !name.includes("in pieces"));

/** Of each operation one. */
const ONCE = WHOLE.filter(({ operation }, i) =>
  operation !== WHOLE[i - 1]?.operation
);

/** What a call returns, as a list. */
function outputsOf(
  { operation, options }: Call,
  inputs: tf.NamedTensorMap,
): tf.Tensor[] {
  const result = operation.run(inputs, options);
  return result instanceof tf.Tensor ? [result] : Object.values(result);
}

onEachBackend("an axis of 0 is an error that names the input", () => {
  for (const call of WHOLE) {
    const { name, operation } = call;
    const { axes, ofRows } = operation;
    for (const axis of new Set(Object.values(axes).flat())) {
      tf.tidy(() => {
        const sizes = { ...SIZES, [axis]: 0 };
        const where = `${name}, ${axis} 0`;
        let outputs: tf.Tensor[];
        try {
          outputs = outputsOf(call, inputsOf(operation, sizes));
        } catch (error) {
          const { message } = error as Error;
          assert(
            error instanceof RangeError || error instanceof TypeError,
            `${where}: ${error}`,
          );
          const says =
            /(^|[' ])([a-zA-Z.]+) should (not be empty|be a positive integer|have)/
              .exec(message)?.[2];
          const names = [...Object.keys(axes), "length", "state.sum", "r"];
          assert(names.includes(says!), `${where}: ${message}`);
          return;
        }
        // Of no rows, or of rows of no numbers.
        assert(ofRows, `${where} gives [${outputs[0]!.shape}]`);
        for (const { size } of outputs) assertEquals(size, 0, where);
        // Of no rows there are gradients; a scan of nothing has none to give.
        if (operation.packs || !["batch", "length"].includes(axis)) return;
        const inputs = inputsOf(operation, sizes), names = Object.keys(axes);
        const gradients = tf.grads((...given: tf.Tensor[]) => {
          const named = names.map((name, i) => [name, given[i]!]);
          return tf.concat(
            outputsOf(call, Object.fromEntries(named))
              .map((y) => tf.reshape(y, [-1])),
          );
        })(Object.values(inputs));
        gradients.forEach(({ shape }, i) =>
          assertEquals(shape, inputs[names[i]!]!.shape, where)
        );
      });
    }
  }
});

onEachBackend("an input that was disposed of is an error that names it", () => {
  for (const call of WHOLE) {
    for (const input of Object.keys(call.operation.axes)) {
      tf.tidy(() => {
        const inputs = inputsOf(call.operation, SIZES);
        inputs[input]!.dispose();
        const says = `${saysOf(call.operation, input)} should be a tensor`;
        const { message } = assertThrows(
          () => outputsOf(call, inputs),
          TypeError,
          "disposed of",
        );
        assert(message.includes(says), `${call.name}: ${message}`);
      });
    }
  }
}, ["cpu"]);

/** The sum of outputs times fixed numbers: a scalar to differentiate. */
function sumOf(call: Call, inputs: tf.NamedTensorMap): tf.Scalar {
  return tf.addN(
    outputsOf(call, inputs).map((y) => {
      const weights = array(y.size, uniform(3), (u) => 2 * u - 1);
      return tf.sum(tf.mul(y, tf.reshape(tf.tensor1d(weights), y.shape)));
    }),
  ) as tf.Scalar;
}

onEachBackend(
  "one token has a gradient of every input",
  async (backend) => {
    const STEP = 1e-2;
    const sizes = { ...SIZES, length: 1 };
    const chosen = sampleForms(
      backend,
      CALLS,
      ({ options }) => options.kernel === false,
    );
    for (const call of chosen) {
      const names = Object.keys(call.operation.axes);
      const differences = tf.tidy(() => {
        const inputs = inputsOf(call.operation, sizes);
        const of = (...given: tf.Tensor[]) =>
          sumOf(call, Object.fromEntries(names.map((n, i) => [n, given[i]!])));
        const gradients = tf.grads(of)(Object.values(inputs));
        return tf.stack(names.map((name, i) => {
          const x = inputs[name]!;
          const way = tf.tensor(
            array(x.size, uniform(5), (u) => 2 * u - 1),
            x.shape,
          );
          const at = (by: number) =>
            sumOf(call, { ...inputs, [name]: tf.add(x, tf.mul(way, by)) });
          const difference = tf.div(tf.sub(at(STEP), at(-STEP)), 2 * STEP);
          return tf.sub(tf.sum(tf.mul(gradients[i]!, way)), difference);
        }));
      });
      const values = await differences.data();
      differences.dispose();
      values.forEach((difference, i) =>
        assert(
          Math.abs(difference) < 2e-2,
          `${call.name}, gradient of ${names[i]}: off by ${difference}`,
        )
      );
    }
  },
  { sampled: true },
);

/** Throws unless a call with inputs of other shapes names one of them, its axes and what came. */
function assertRefused(call: Call, changed: Record<string, number[]>): void {
  const { name, operation } = call;
  const { axes } = operation;
  tf.tidy(() => {
    const shapes = Object.fromEntries(
      Object.entries(axes).map(([input, axes]) =>
        [input, changed[input] ?? shapeOf(axes, SIZES)] as const
      ),
    );
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([input, shape]) => [
        input,
        tf.mul(isLogarithm(input) ? -1 : 1, tf.ones(shape)),
      ]),
    );
    const where = `${name} with ${JSON.stringify(changed)}`;
    const failure = assertThrows(
      () => void outputsOf(call, inputs),
      TypeError,
      "should have shape [",
    );
    const { message } = failure;
    const named = Object.keys(axes)
      .find((input) =>
        message.startsWith(`${saysOf(operation, input)} should`)
      );
    assert(named, `${where}: ${message}`);
    const came = `got [${shapes[named]}]`;
    assert(
      message.replaceAll(", ", ",").includes(came),
      `${where}: ${message}`,
    );
  });
}

/** Those whose inputs may be of any shape, or have no other axes than their own. */
const OF_ANY_SHAPE =
  /^(gelu|identity|logSigmoid|relu|sigmoid|eluPlusOne|shiftedSilu|withoutPadding)/;

onEachBackend(
  "an input of another shape is an error that says which it should have",
  () => {
    for (const call of ONCE) {
      const { axes } = call.operation;
      for (const [input, own] of Object.entries(axes)) {
        if (OF_ANY_SHAPE.test(call.name)) continue;
        const shape = shapeOf(own, SIZES);
        // Norms and dense layers take rows of any rank.
        const isRows = own.at(-1) === "columns" && own.length === 3;
        if (!isRows) assertRefused(call, { [input]: [...shape, 1] });
        if (shape.length === 1) assertRefused(call, { [input]: [] });
        for (const [i, axis] of own.entries()) {
          const others = Object.entries(axes)
            .filter(([other, axes]) => other !== input && axes.includes(axis));
          if (others.length === 0) continue;
          assertRefused(call, { [input]: shape.with(i, 7) });
        }
      }
    }
  },
);

onEachBackend(
  "decays without their logarithm are refused where they are at hand",
  (backend) => {
    for (const call of ONCE) {
      // They compute with it first, and nothing waits for a GPU.
      const isComputed = /^(rwkv6|gateLoop)/.test(call.name);
      if (backend === "webgpu" && isComputed) continue;
      const { axes } = call.operation;
      for (const input of Object.keys(axes)) {
        // Rates and logits are no logarithms, and what is due comes from a step.
        if (!/^(logDecay|forward|backward)$/.test(input)) continue;
        tf.tidy(() => {
          const inputs = inputsOf(call.operation, SIZES);
          const { shape } = inputs[input]!;
          const size = tf.util.sizeFromShape(shape);
          const wrong = tf.tensor(new Float32Array(size).fill(0.9), shape);
          assertThrows(
            () => void outputsOf(call, { ...inputs, [input]: wrong }),
            RangeError,
            `${input} should hold logarithms of decays, all <= 0, got 0.89999997`,
          );
        });
      }
    }
  },
);

/** What a number of an input is: integers that it takes, all finite. */
function integersOf(input: string): (u: number) => number {
  if (isLogarithm(input)) return (u) => -Math.floor(3 * u);
  if (/gate|forget/i.test(input)) return (u) => Math.floor(2 * u);
  return (u) => 1 + Math.floor(3 * u);
}

/** Bits that it takes: of logarithms 0 is the only one. */
const bitsOf = (input: string) => (u: number): number =>
  isLogarithm(input) || u < 0.3 ? 0 : 1;

type Kind = "float32" | "int32" | "bool" | "int32 that is called float32";

/** Outputs and gradients in a type of numbers. */
async function solve(
  call: Call,
  kind: Kind,
  make: (input: string) => (u: number) => number,
): Promise<Float32Array[]> {
  const { axes } = call.operation, names = Object.keys(axes);
  const dtype = kind.startsWith("int32") ? "int32" : kind as "bool";
  const tensorOf = (values: Float32Array, shape: number[]) => {
    const x = tf.tensor(values, shape, dtype);
    return kind === "int32 that is called float32" ? tf.cast(x, "float32") : x;
  };
  const found = tf.tidy(() => {
    const random = uniform(5);
    const inputs = names.map((name) => {
      const shape = shapeOf(axes[name]!, SIZES);
      const size = tf.util.sizeFromShape(shape);
      return tensorOf(array(size, random, (u) => make(name)(u) + 0), shape);
    });
    const flat = (...x: tf.Tensor[]) => {
      const given = Object.fromEntries(names.map((name, i) => [name, x[i]!]));
      const outputs = outputsOf(call, given);
      outputs.forEach(({ dtype }) => assertEquals(dtype, "float32"));
      return tf.concat(outputs.map((y) => tf.reshape(y, [-1])));
    };
    const { size } = tf.tidy(() => flat(...inputs));
    // So that no gradient is that of a sum. tfjs refuses other gradients.
    const outputGradient = tf.tensor1d(
      Array.from({ length: size }, (_, i) => i % 5 - 2),
    );
    const { value, grads } = tf.valueAndGrads(flat)(inputs, outputGradient);
    grads.forEach((gradient, i) => {
      assertEquals(gradient.dtype, "float32");
      assertEquals(gradient.shape, inputs[i]!.shape);
    });
    return [value, ...grads];
  });
  const values = await Promise.all(found.map((x) => x.data<"float32">()));
  tf.dispose(found);
  return values;
}

onEachBackend(
  "integers and booleans are computed with as floats are",
  async (backend) => {
    // All on WebAssembly, and on the others each operation once.
    const calls = backend === "wasm" ? CALLS : ONCE;
    for (const call of sampleForms(backend, calls, () => false)) {
      const assertAlike = async (kind: Kind, make: typeof integersOf) => {
        const wanted = await solve(call, "float32", make);
        const found = await solve(call, kind, make);
        wanted.forEach((values, which) =>
          values.forEach((value, i) => {
            const error = Math.abs(found[which]![i]! - value);
            assert(
              error <= 1e-5 * Math.max(1, Math.abs(value)),
              `${call.name} of ${kind}: ${which} is ${
                found[which]![i]
              }, not ${value}`,
            );
          })
        );
      };
      await assertAlike("int32", integersOf);
      await assertAlike("int32 that is called float32", integersOf);
      await assertAlike("bool", bitsOf);
    }
  },
  { sampled: true },
);

onEachBackend("strings and complex numbers are refused by name", (backend) => {
  for (const call of ONCE) {
    const { axes } = call.operation;
    for (const input of Object.keys(axes)) {
      const says = saysOf(call.operation, input);
      const refuses = (
        odd: (shape: number[]) => tf.Tensor,
        ...parts: string[]
      ) =>
        tf.tidy(() => {
          const inputs = Object.fromEntries(
            Object.entries(axes).map(([name, axes]) => {
              const shape = shapeOf(axes, SIZES);
              // 1 is the logarithm of no decay.
              const make = isLogarithm(name) ? tf.zeros : tf.ones;
              return [name, name === input ? odd(shape) : make(shape)];
            }),
          );
          const { message } = assertThrows(
            () => void outputsOf(call, inputs),
            TypeError,
          );
          for (const part of parts) {
            assert(message.includes(part), `${call.name}: ${message}`);
          }
        });
      const numbers = `${says} should be float32, or int32`;
      refuses(
        (shape) => {
          const size = tf.util.sizeFromShape(shape);
          return tf.tensor(Array(size).fill("1"), shape, "string");
        },
        numbers,
        "got string: convert it to numbers",
      );
      // tfjs-wasm has no complex numbers, and tfjs-webgpu leaks their parts.
      if (backend !== "cpu") continue;
      refuses(
        (shape) => tf.complex(tf.ones(shape), tf.ones(shape)),
        `${numbers} or bool, which are converted; got complex64`,
      );
    }
  }
});

Deno.test("each operation has one name", () => {
  const names = OPERATIONS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
});
