/** Weights of 8 bits: their bounds of error, files, and models saved with them. @module */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  fromPretrained,
  type LionConfig,
  savePretrained,
} from "../../lib/hub/mod.ts";
import {
  dequantizeInt8,
  quantizeInt8,
  readSafetensors,
  writeSafetensors,
} from "../../lib/io/mod.ts";
import { lionEncoder, type LionEncoderOptions } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { onCpu, safetensors, withFolder } from "./files.ts";

/** Numbers of a normal distribution. */
function gaussian(size: number, seed: number): Float32Array {
  const random = uniform(seed);
  return array(
    size,
    random,
    (u) => Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * random()),
  );
}

onEachBackend(
  "quantizeInt8() is within half a scale, and the same again",
  async () => {
    const [rows, columns] = [9, 40];
    const numbers = gaussian(rows * columns, 1);
    // Rows of zeros, of tiny and of huge numbers, and of halves of the scale.
    numbers.fill(0, 0, columns);
    numbers.fill(1e-44, columns, 2 * columns);
    for (let i = 2 * columns; i < 3 * columns; i++) numbers[i]! *= 1e37;
    numbers.set([127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5], 3 * columns);
    const w = tf.tensor(numbers, [rows, 4, 10]);
    const first = await quantizeInt8(w);
    assertEquals(first.shape, [rows, 4, 10]);
    assertEquals(
      [...first.values.subarray(3 * columns, 3 * columns + 7)],
      [127, 0, 2, 2, 0, -2, -2],
    );
    for (let row = 0; row < rows; row++) {
      const own = numbers.subarray(row * columns, (row + 1) * columns);
      const largest = own.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      const scale = row < 2 ? 1 : Math.fround(largest / 127);
      assertEquals(first.scale[row], scale);
    }
    const rounded = dequantizeInt8(first);
    const same = await rounded.data();
    same.forEach((x, i) => {
      const scale = first.scale[Math.floor(i / columns)]!;
      assertEquals(x, Math.fround(first.values[i]! * scale));
      assert(Math.abs(x - numbers[i]!) <= 0.5001 * scale);
      assert(Math.abs(first.values[i]!) <= 127);
    });
    const again = await quantizeInt8(rounded);
    assertEquals(again.values, first.values);
    tf.dispose([w, rounded]);
  },
);

onEachBackend("products with rounded weights are within 0.8 %", async () => {
  const x = tf.tensor2d(gaussian(64 * 256, 2), [64, 256]);
  const w = tf.tensor2d(gaussian(256 * 256, 3), [256, 256]);
  const rounded = dequantizeInt8(await quantizeInt8(w));
  const ratio = tf.tidy(() => {
    const y = tf.matMul(x, w, false, true);
    const error = tf.sub(tf.matMul(x, rounded as tf.Tensor2D, false, true), y);
    return tf.div(tf.norm(error), tf.norm(y));
  });
  const [relative] = await ratio.data();
  assert(relative! < 0.008 && relative! > 0.002, `${relative}`);
  tf.dispose([x, w, rounded, ratio]);
}, { only: ["cpu", "wasm"] });

onCpu("files hold int8 tensors with their scales", async () => {
  const w = tf.tensor2d(gaussian(12, 4), [3, 4]), b = tf.tensor1d([1, 2]);
  const quantized = await quantizeInt8(w);
  await withFolder(async (folder) => {
    const path = `${folder}/w.safetensors`;
    await writeSafetensors(path, { w: quantized, b }, {
      metadata: { format: "pt" },
    });
    const { tensors, metadata } = await readSafetensors(path);
    assertEquals(metadata, {
      ...{ format: "pt", quantization: "int8-row-symmetric" },
    });
    assertEquals(tensors.get("w")!.dtype, "int32");
    assertEquals(tensors.get("w")!.shape, [3, 4]);
    assertEquals(
      [...await tensors.get("w")!.data()],
      [...quantized.values],
    );
    assertEquals(await tensors.get("w.scale")!.data(), quantized.scale);
    assertEquals([...await tensors.get("b")!.data()], [1, 2]);
    tf.dispose([...tensors.values()]);
    const twice = { w: quantized, "w.scale": b };
    await assertRejects(
      () => writeSafetensors(path, twice),
      RangeError,
      'as the scales of another, got "w.scale"',
    );
  });
  const signed = safetensors(
    { x: { dtype: "I8", shape: [3], data_offsets: [0, 3] } },
    [0x80, 0xff, 0x7f],
  );
  const { tensors } = await readSafetensors(signed);
  assertEquals([...await tensors.get("x")!.data()], [-128, -1, 127]);
  tf.dispose([w, b, ...tensors.values()]);
});

onCpu("quantizeInt8() and dequantizeInt8() say what is wrong", async () => {
  const nan = tf.tensor2d([[1, NaN]]), ints = tf.tensor1d([1], "int32");
  await assertRejects(
    () => quantizeInt8(nan),
    RangeError,
    "should be finite, got NaN in row 0",
  );
  await assertRejects(() => quantizeInt8(ints), TypeError, "float32 tensor");
  tf.dispose([nan, ints]);
  const parts = { values: Int8Array.of(1, 2), scale: Float32Array.of(1) };
  assertThrows(
    () => dequantizeInt8({ ...parts, shape: [2, 1] }),
    RangeError,
    "got 2 values and 1 scales for shape [2,1]",
  );
  assertThrows(
    () => dequantizeInt8({ ...parts, values: [1] as never, shape: [1, 2] }),
    TypeError,
    "an Int8Array",
  );
});

const OPTIONS: LionEncoderOptions = {
  ...{ vocabularySize: 40, dim: 64, depth: 2, numHeads: 4, numClasses: 4 },
  ...{ variant: "s", output: "tokens", maxLength: 30, seed: 1 },
  ...{ diagonalDecay: "hippo", embeddingStd: 0.5 },
};

const CONFIG: LionConfig = {
  model_type: "lion",
  architecture: "lionEncoder",
  options: OPTIONS,
};

onEachBackend("a model saved with int8 weights answers the same", async () => {
  const model = lionEncoder(OPTIONS);
  const config = CONFIG;
  const ids = tf.tensor2d(
    array(20 * 30, uniform(5), (u) => Math.floor(40 * u)),
    [20, 30],
    "int32",
  );
  const mask = tf.ones([20, 30]);
  const answer = async (model: ReturnType<typeof lionEncoder>) => {
    const [logits, chosen] = tf.tidy(() => {
      const y = model.predict([ids, mask]) as tf.Tensor;
      return [y, tf.argMax(y, -1)];
    }) as [tf.Tensor, tf.Tensor];
    const values = [
      await logits.data<"float32">(),
      await chosen.data<"int32">(),
    ] as const;
    tf.dispose([logits, chosen]);
    return values;
  };
  const [logits, chosen] = await answer(model);
  const largest = logits.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const bytes: Record<string, number> = {};
  await withFolder(async (folder) => {
    for (const weights of [undefined, "int8", "f16"] as const) {
      // In several files, so that scales lie beside their weights in each.
      const maxShardBytes = weights === "int8" ? 30_000 : 1e9;
      await savePretrained(folder, { model, config, weights, maxShardBytes });
      const files = await Array.fromAsync(Deno.readDir(folder));
      const sizes = files.filter(({ name }) => name.endsWith(".safetensors"))
        .map(({ name }) => Deno.statSync(`${folder}/${name}`).size);
      assertEquals(sizes.length > 1, weights === "int8");
      bytes[`${weights}`] = sizes.reduce((a, b) => a + b);
      const loaded = await fromPretrained(folder);
      const [other, same] = await answer(loaded.model);
      const error = other.reduce(
        (most, x, i) => Math.max(most, Math.abs(x - logits[i]!)),
        0,
      );
      assert(error <= 0.05 * largest, `${weights}: ${error / largest}`);
      const equal = same.filter((id, i) => id === chosen[i]).length;
      assert(equal >= 0.99 * same.length, `${weights}: ${equal}`);
      loaded.model.dispose();
    }
    const keep = /mlp/;
    await savePretrained(folder, { model, config, weights: "int8", keep });
    const { tensors } = await readSafetensors(`${folder}/model.safetensors`);
    const types = [...tensors].flatMap(([name, { dtype }]) =>
      dtype === "int32" ? [name] : []
    );
    assertEquals(types.sort(), [
      "blocks.0.attn.a_i.weight",
      "blocks.0.attn.proj.weight",
      "blocks.0.attn.qkv.weight",
      "blocks.1.attn.a_i.weight",
      "blocks.1.attn.proj.weight",
      "blocks.1.attn.qkv.weight",
      "embeddings.word_embeddings.weight",
    ]);
    tf.dispose([...tensors.values()]);
  });
  assert(bytes.f16! < 0.53 * bytes.undefined!);
  tf.dispose([ids, mask]);
  model.dispose();
}, { only: ["wasm"] });

onCpu("int8 files have at most 0.27 of the bytes", async () => {
  const options: LionEncoderOptions = {
    ...{ vocabularySize: 4000, dim: 128, depth: 2, numHeads: 4 },
    ...{ numClasses: 8, variant: "s", output: "tokens" },
  };
  const model = lionEncoder(options);
  const config: LionConfig = { ...CONFIG, options } as LionConfig;
  await withFolder(async (folder) => {
    const bytes: number[] = [];
    for (const weights of [undefined, "int8"] as const) {
      await savePretrained(folder, { model, config, weights });
      const { size } = await Deno.stat(`${folder}/model.safetensors`);
      bytes.push(size);
    }
    assert(bytes[1]! <= 0.27 * bytes[0]!, `${bytes}`);
  });
  model.dispose();
});

onCpu(
  "int8 files that do not fit, and wrong options, are refused",
  async () => {
    const model = lionEncoder(OPTIONS);
    const config = CONFIG;
    await withFolder(async (folder) => {
      const save = (more: object) => () =>
        savePretrained(folder, { model, config, ...more });
      await assertRejects(
        save({ weights: "int4" }),
        RangeError,
        'weights should be "int8" or "f16", got "int4"',
      );
      await assertRejects(
        save({ keep: /a/ }),
        RangeError,
        'keep is for weights: "int8", got undefined',
      );
      await assertRejects(
        save({ weights: "int8", keep: "a" }),
        TypeError,
        "keep",
      );
      await save({ weights: "int8" })();
      const file = `${folder}/model.safetensors`;
      const { tensors, metadata } = await readSafetensors(file);
      const name = "embeddings.word_embeddings.weight";
      tensors.get(`${name}.scale`)!.dispose();
      tensors.delete(`${name}.scale`);
      await writeSafetensors(file, tensors, { metadata });
      await assertRejects(
        () => fromPretrained(folder),
        RangeError,
        `scales of the 40 rows of ${name} in ${name}.scale, got undefined`,
      );
      metadata.quantization = "int4";
      await writeSafetensors(file, tensors, { metadata });
      await assertRejects(
        () => fromPretrained(folder),
        RangeError,
        'quantization "int8-row-symmetric", or none, got "int4"',
      );
      tf.dispose([...tensors.values()]);
    });
    model.dispose();
  },
);
