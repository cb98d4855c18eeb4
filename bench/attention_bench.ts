/**
 * Times the forms of LION-S against each other, forward and with gradients, on
 * each backend: `deno task bench`. The results are checked first, and no time
 * is taken if they differ.
 *
 * `LION_BENCH_LENGTHS=256,1024` and `LION_BACKENDS=wasm` narrow it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  type BackendName,
  lionAttention,
  selectiveDecay,
  useBackend,
} from "@lionjs/lion";

const LENGTHS = (Deno.env.get("LION_BENCH_LENGTHS") ?? "64,128,256,512,1024")
  .split(",").map(Number);
const BACKENDS = (Deno.env.get("LION_BACKENDS") ?? "webgpu,wasm,cpu")
  .split(",") as BackendName[];
/** Quadratic or sequential forms beyond this take minutes. */
const LONGEST: Record<string, number> = { recurrent: 256, blockwise: 1024 };
const [batch, heads, headDim] = [1, 4, 64];

const FORMS = ["full", "chunkwise", "blockwise", "recurrent"] as const;
type Form = typeof FORMS[number];

function inputs(length: number): tf.Tensor[] {
  const shape: [number, number, number, number] = [
    batch,
    heads,
    length,
    headDim,
  ];
  const random = (seed: number, lowest = 0.1) =>
    tf.randomUniform(shape, lowest, 1, "float32", seed);
  const decay: [number, number, number] = [batch, heads, length];
  return [
    random(1),
    random(2),
    random(3, -1),
    tf.randomUniform(decay, -0.2, 0, "float32", 4),
  ];
}

function attend(form: Form) {
  return (...[q, k, v, logDecay]: tf.Tensor[]) =>
    lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
      form,
      decay: selectiveDecay(logDecay as tf.Tensor3D),
    });
}

function forward(form: Form, tensors: tf.Tensor[]): tf.Tensor[] {
  return [attend(form)(...tensors)];
}

function withGradients(form: Form, tensors: tf.Tensor[]): tf.Tensor[] {
  const { value, grads } = tf.valueAndGrads(attend(form))(tensors);
  return [value, ...grads];
}

/** Waits for all of it: a GPU has done nothing before a result is read. */
async function finish(outputs: tf.Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(outputs.map((x) => x.data()));
  tf.dispose(outputs);
  return values as Float32Array[];
}

/** The gradients in q and k may cancel, so all arrays are judged together. */
function assertSame(a: Float32Array[], b: Float32Array[], label: string): void {
  let [largest, error] = [0, 0];
  a.forEach((values, which) =>
    values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value));
      error = Math.max(error, Math.abs(value - b[which]![i]!));
    })
  );
  // Either may be off by the tolerance of the tests.
  if (!(error <= 2e-5 * largest)) {
    throw new Error(
      `${label} differs from the full form by ${error}, of ${largest}`,
    );
  }
}

for (const backend of BACKENDS) {
  const info = await useBackend({ prefer: [backend] }).catch((error) => {
    console.warn(`no bench on ${backend}: ${error.message}`);
  });
  if (!info) continue;
  console.log(`${backend}: ${info.adapter?.description ?? "this CPU"}`);
  for (const [pass, run] of Object.entries({ forward, withGradients })) {
    for (const length of LENGTHS) {
      const forms = FORMS.filter((form) => length <= (LONGEST[form] ?? 4096));
      const tensors = inputs(length);
      const expected = await finish(run("full", tensors));
      for (const form of forms) {
        // Also compiles what is timed below.
        const label = `${backend} ${pass} L=${length} ${form}`;
        assertSame(await finish(run(form, tensors)), expected, label);
      }
      tf.dispose(tensors);
      for (const form of forms) {
        Deno.bench({
          name: form,
          group: `${backend} ${pass} L=${length}`,
          baseline: form === "full",
          n: 10,
          warmup: 1,
          fn: async (b) => {
            await useBackend({ prefer: [backend] });
            const tensors = inputs(length);
            b.start();
            const outputs = run(form, tensors);
            await outputs.at(-1)!.data();
            b.end();
            tf.dispose([...outputs, ...tensors]);
          },
        });
      }
    }
  }
}
