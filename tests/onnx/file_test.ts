/** Files of ONNX: what is written runs, and comes back. @module */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { fromFloat16, toFloat16 } from "../../lib/io/float16.ts";
import {
  readOnnxWeights,
  type ReadOnnxWeightsOptions,
} from "../../lib/onnx/file/read.ts";
import type { WeightStorage } from "../../lib/onnx/file/storage.ts";
import {
  encodeOnnx,
  type FileOptions,
  writeOnnx,
} from "../../lib/onnx/file/write.ts";
import type { Graph, Initializer, OnnxModel } from "../../lib/onnx/graph.ts";
import { ModelProtoSchema } from "../../lib/onnx/protobuf/onnx_messages.ts";
import { namesIn, onCpu, withFolder } from "../io/files.ts";
import { array, uniform } from "../random.ts";
import { filled, TYPE } from "./arrays.ts";
import { Interpreter } from "./interpreter.ts";

/** Sizes of the model: of its table, and of its matrix. */
const [TOKENS, DIM, CLASSES] = [60, 24, 50];

const values = (size: number, seed: number) =>
  array(size, uniform(seed), (u) => 4 * u - 2);

function weight(
  name: string,
  shape: number[],
  seed: number,
  by = 1,
): Initializer {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const all = values(size, seed).map((x) => by * x);
  return { name, type: "float32", shape, isWeight: true, load: () => all };
}

const node = (
  operator: string,
  inputs: string[],
  output: string,
  attributes: Graph["nodes"][number]["attributes"] = {},
) => ({
  ...{ name: output, operator, domain: "", inputs, outputs: [output] },
  attributes,
});

/** Looks up rows, multiplies by a matrix and a decay, and adds up all so far. */
function madeModel(others: readonly Initializer[] = []): OnnxModel {
  const scalar = { type: "float32", shape: [] } as const;
  const body: Graph = {
    name: "sums",
    nodes: [
      node("Add", ["state", "step"], "next"),
      node("Mul", ["next", "one"], "out"),
    ],
    initializers: [{
      ...{ name: "one", ...scalar, isWeight: false },
      load: () => Float32Array.of(1),
    }],
    inputs: ["state", "step"].map((name) => ({ name, type: "float32" })),
    outputs: ["next", "out"].map((name) => ({ name, type: "float32" })),
  };
  return {
    graph: {
      name: "made",
      nodes: [
        node("Gather", ["words.weight", "input_ids"], "rows"),
        node("MatMul", ["rows", "head.weight"], "product"),
        node("Mul", ["product", "block.decay"], "decayed"),
        node("Add", ["decayed", "head.bias"], "steps"),
        node("ReduceSum", ["steps", "first"], "zero", { keepdims: { int: 0 } }),
        node("Sub", ["zero", "zero"], "begin"),
        {
          ...node("Scan", ["begin", "steps"], "end"),
          outputs: ["end", "logits"],
          attributes: {
            body: { graph: body },
            num_scan_inputs: { int: 1 },
            scan_input_axes: { ints: [1] },
            scan_output_axes: { ints: [1] },
          },
        },
      ],
      initializers: [
        weight("words.weight", [TOKENS, DIM], 1, 0.01),
        weight("head.weight", [DIM, CLASSES], 2),
        weight("block.decay", [DIM, CLASSES], 3),
        weight("head.bias", [CLASSES], 4),
        {
          ...{ name: "first", type: "int64", shape: [1], isWeight: false },
          load: () => Promise.resolve(BigInt64Array.of(1n)),
        },
        ...others,
      ],
      inputs: [{
        ...{ name: "input_ids", type: "int64" },
        shape: ["batch_size", DIM],
      }],
      outputs: [{
        ...{ name: "logits", type: "float32" },
        shape: ["batch_size", DIM, CLASSES],
      }],
    },
    opsets: [{ domain: "", version: 20 }],
    metadata: { library: "lion", classes: '["a","ü"]' },
  };
}

const inOne = (weights: WeightStorage): FileOptions => ({
  ...{ weights, externalData: false },
});

const IDS = filled(TYPE.int64, [2, DIM], (i) => i * 7 % TOKENS);

async function logitsOf(options: FileOptions): Promise<Float32Array> {
  const { model, data } = await encodeOnnx(madeModel(), options, "m_data");
  const { logits } = new Interpreter(model, data).run({ input_ids: IDS });
  return logits!.data as Float32Array;
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!)));
}

onCpu("a file has what it says, and runs", async () => {
  const model = madeModel();
  const { model: bytes } = await encodeOnnx(model, inOne("f32"), "m_data");
  const read = fromBinary(ModelProtoSchema, bytes);
  // What is written in parts is what the schema writes at once.
  assertEquals(toBinary(ModelProtoSchema, read).length, bytes.length);
  assertEquals(read.irVersion, 10n);
  assertEquals(read.opsetImport.map(({ version }) => version), [20n]);
  assertEquals(
    Object.fromEntries(
      read.metadataProps.map(({ key, value }) => [key, value]),
    ),
    { ...model.metadata },
  );
  assertEquals(
    read.graph!.initializer.map(({ name }) => name),
    model.graph.initializers.map(({ name }) => name),
  );
  // The sums, by hand.
  const [words, head, decay, bias] = await Promise.all(
    model.graph.initializers.slice(0, 4).map((one) => one.load()),
  ) as Float32Array[];
  const logits = await logitsOf(inOne("f32"));
  let largest = 0;
  for (let b = 0; b < 2; b++) {
    for (let c = 0; c < CLASSES; c++) {
      let sum = 0;
      for (let t = 0; t < DIM; t++) {
        const row = IDS.data[b * DIM + t]! * DIM;
        let product = 0;
        for (let d = 0; d < DIM; d++) {
          product += words![row + d]! * head![d * CLASSES + c]!;
        }
        sum += product * decay![t * CLASSES + c]! + bias![c]!;
        const got = logits[(b * DIM + t) * CLASSES + c]!;
        largest = Math.max(largest, Math.abs(got - sum));
      }
    }
  }
  assertLess(largest, 1e-5);
  const again = await encodeOnnx(madeModel(), inOne("f32"), "m_data");
  assertEquals(again.model, bytes);
});

onCpu("weights in fewer bits come back as they were rounded", async () => {
  const exact = await logitsOf(inOne("f32"));
  const initializers = madeModel().graph.initializers;
  for (
    const [storage, error] of [["f32", 0], ["f16", 0.05], ["int8", 1]] as const
  ) {
    const { model } = await encodeOnnx(madeModel(), inOne(storage), "m_data");
    const weights = await readOnnxWeights(model);
    assertEquals(
      [...weights.keys()].sort(),
      ["block.decay", "head.bias", "head.weight", "words.weight"],
    );
    for (const { name, shape, load } of initializers.slice(0, 4)) {
      const [values, got] = [await load(), await weights.get(name)!.data()];
      assertEquals(weights.get(name)!.shape, shape);
      const rounded = !name.endsWith(".weight") || storage === "f32"
        ? values as Float32Array
        : storage === "f16"
        ? fromFloat16(bufferOf(toFloat16(values as Float32Array)))
        : stepped(
          values as Float32Array,
          DIM,
          CLASSES,
          name === "words.weight",
        );
      assertEquals(got, rounded, `${name} ${storage}`);
    }
    const logits = await logitsOf(inOne(storage));
    assertEquals(farthest(logits, exact) <= error, true);
    assertEquals(farthest(logits, exact) > 0, error > 0);
    tf.dispose([...weights.values()]);
  }
});

function bufferOf({ buffer }: ArrayBufferView): ArrayBuffer {
  return buffer as ArrayBuffer;
}

/** Rounded to 127 steps a side: of each row of `dim`, or of each column of `columns`. */
function stepped(
  values: Float32Array,
  dim: number,
  columns: number,
  isByRow: boolean,
): Float32Array {
  const of = (i: number) => isByRow ? Math.floor(i / dim) : i % columns;
  const scales = new Map<number, number>();
  values.forEach((x, i) =>
    scales.set(of(i), Math.max(scales.get(of(i)) ?? 0, Math.abs(x)))
  );
  return values.map((x, i) => {
    const scale = Math.fround(scales.get(of(i))! / 127);
    // A step is an integer, which has no -0.
    return (Math.round(x / scale) + 0) * scale;
  });
}

onCpu("weights in a file of their own are at pages, and the same", async () => {
  for (const weights of ["f32", "f16", "int8"] as const) {
    await withFolder(async (folder) => {
      const path = `${folder}/m.onnx`;
      const options = { weights, externalData: true } as const;
      const files = await writeOnnx(path, madeModel(), options);
      assertEquals(files, [path, `${path}_data`]);
      assertEquals(await namesIn(folder), ["m.onnx", "m.onnx_data"]);
      const [model, data] = await Promise.all(
        files.map((f) => Deno.readFile(f)),
      );
      const bytes = await encodeOnnx(madeModel(), options, "m.onnx_data");
      assertEquals([model, data], [bytes.model, bytes.data]);
      assertEquals(await logitsOf(options), await logitsOf(inOne(weights)));
      const places = fromBinary(ModelProtoSchema, model!).graph!.initializer
        .flatMap(({ externalData }) => externalData)
        .filter(({ key }) => key === "offset").map(({ value }) =>
          Number(value)
        );
      assert(places.length >= 2);
      places.forEach((offset) => assertEquals(offset % 4096, 0));
      const inside = await encodeOnnx(madeModel(), inOne(weights), "m_data");
      const [a, b, c] = await Promise.all([
        readOnnxWeights(path),
        readOnnxWeights(model!, { data: data! }),
        readOnnxWeights(inside.model),
      ]);
      for (const [name, tensor] of c!) {
        const wanted = await tensor.data();
        assertEquals(await a!.get(name)!.data(), wanted);
        assertEquals(await b!.get(name)!.data(), wanted);
      }
      tf.dispose([a!, b!, c!].flatMap((all) => [...all.values()]));
    });
  }
});

onCpu(
  "weights that a storage cannot hold leave the files that are there",
  async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/m.onnx`;
      await Deno.writeTextFile(path, "before");
      const large = weight("large.weight", [40, 40], 5, 1e5);
      const cases = [[large, "f16", "up to 65504"], [
        { ...large, load: () => new Float32Array(1600).fill(NaN) },
        "int8",
        "finite values, got NaN at 0",
      ]] as const;
      for (const [one, weights, message] of cases) {
        await assertRejects(
          () => writeOnnx(path, madeModel([one]), inOne(weights)),
          Error,
          message,
        );
        assertEquals(await namesIn(folder), ["m.onnx"]);
        assertEquals(await Deno.readTextFile(path), "before");
      }
    });
  },
);

onCpu("damaged files and wrong arguments are refused by name", async () => {
  const options = { weights: "f32", externalData: true } as const;
  const { model, data } = await encodeOnnx(madeModel(), options, "d.onnx_data");
  const text = new TextEncoder().encode(
    "no such file of this kind, but long enough",
  );
  type Source = Parameters<typeof readOnnxWeights>[0];
  const wrong: [Source, unknown, ErrorConstructor, string][] = [
    [
      text,
      {},
      SyntaxError,
      "the given bytes should be an ONNX file, and whole",
    ],
    [new Uint8Array(), {}, SyntaxError, "it has no graph"],
    [model.slice(0, -40), {}, SyntaxError, "should be an ONNX file"],
    [model, {}, RangeError, 'should be the bytes of "d.onnx_data"'],
    [model, { data: data!.slice(0, -9) }, SyntaxError, "weights up to byte"],
    [model, { data: "x" }, TypeError, "data should be a Uint8Array, got"],
    [model, { dat: data }, TypeError, 'has no option "dat"'],
    [
      1 as unknown as Source,
      {},
      TypeError,
      "readOnnxWeights's source should be",
    ],
    ["a.onnx", { data }, TypeError, "for a model given by its bytes"],
  ];
  for (const [source, given, kind, message] of wrong) {
    await assertRejects(
      () => readOnnxWeights(source, given as ReadOnnxWeightsOptions),
      kind,
      message,
    );
  }
  await withFolder(async (folder) => {
    const path = `${folder}/d.onnx`;
    await Deno.writeFile(path, model);
    await assertRejects(
      () => readOnnxWeights(path),
      RangeError,
      "in d.onnx_data beside it, got no such file",
    );
    for (const place of ["../d.onnx_data", "/etc/d_data", "a/../../b", ""]) {
      const outside = fromBinary(ModelProtoSchema, model);
      for (const { externalData } of outside.graph!.initializer) {
        const [location] = externalData;
        if (location) location.value = place;
      }
      await Deno.writeFile(path, toBinary(ModelProtoSchema, outside));
      await assertRejects(() => readOnnxWeights(path), Error, path);
    }
  });
  const short = fromBinary(ModelProtoSchema, model);
  short.graph!.initializer.at(-2)!.dims = [3n, 1n];
  await assertRejects(
    () => readOnnxWeights(toBinary(ModelProtoSchema, short), { data: data! }),
    SyntaxError,
    '"head.bias", float32 of shape [3,1], has 200 bytes instead of 12',
  );
});

onCpu("files with a wrong byte are read, or refused as damaged", async () => {
  const options = { weights: "int8", externalData: true } as const;
  const { model, data } = await encodeOnnx(madeModel(), options, "m");
  const random = uniform(9);
  const below = (most: number) => Math.floor(random() * most);
  let refused = 0;
  for (let i = 0; i < 300; i++) {
    const bytes = model.slice(0, i % 3 === 0 ? below(model.length) : undefined);
    if (bytes.length > 0) bytes[below(bytes.length)] = below(256);
    try {
      const weights = await readOnnxWeights(bytes, { data: data! });
      tf.dispose([...weights.values()]);
    } catch (error) {
      refused++;
      const isKnown = error instanceof SyntaxError ||
        error instanceof RangeError;
      assert(
        isKnown && error.message.includes("the given bytes") ||
          /should be/.test((error as Error).message),
        String(error),
      );
    }
  }
  assertLess(50, refused);
});

onCpu("others' ways to store weights are read", async () => {
  const file = fromBinary(
    ModelProtoSchema,
    (await encodeOnnx(madeModel(), inOne("f32"), "m")).model,
  );
  const graph = file.graph!;
  const [table, head, decay, bias] = graph.initializer;
  // As a list of numbers.
  Object.assign(bias!, {
    ...{ rawData: new Uint8Array(), floatData: values(CLASSES, 4) },
  });
  // In the bits of halves and of bfloat16.
  Object.assign(decay!, {
    ...{ rawData: new Uint8Array(), dataType: 10, dims: [2n] },
    int32Data: [0x3c00, 0xc000],
  });
  Object.assign(table!, {
    ...{ rawData: new Uint8Array(), dataType: 16, dims: [1n, 2n] },
    int32Data: [0x3f80, 0xc000],
  });
  // By a dynamic quantization.
  const part = (
    name: string,
    dataType: number,
    rawData: Uint8Array,
    n: bigint,
  ) =>
    Object.assign(structuredClone(head!), {
      name,
      dataType,
      rawData,
      dims: [n],
    });
  graph.initializer.push(
    part("x_quantized", 2, Uint8Array.of(0, 128, 255), 3n),
    part("x_scale", 1, new Uint8Array(Float32Array.of(0.5).buffer), 1n),
    part("x_zero_point", 2, Uint8Array.of(128), 1n),
  );
  const weights = await readOnnxWeights(toBinary(ModelProtoSchema, file));
  assertEquals(await weights.get("head.bias")!.data(), values(CLASSES, 4));
  assertEquals(await weights.get("block.decay")!.array(), [1, -2]);
  assertEquals(await weights.get("words.weight")!.array(), [[1, -2]]);
  assertEquals(await weights.get("x")!.array(), [-64, 0, 63.5]);
  assertEquals(weights.has("x_scale"), false);
  tf.dispose([...weights.values()]);
});

onCpu("the interpreter refuses what a runtime would refuse", async () => {
  const { model } = await encodeOnnx(madeModel(), inOne("f32"), "m");
  const run = new Interpreter(model);
  assertThrows(() => run.run({}), Error, "there is no input input_ids");
  const beyond = filled(TYPE.int64, [1, DIM], () => TOKENS);
  assertThrows(
    () => run.run({ input_ids: beyond }),
    Error,
    "there is no axis 60",
  );
  const short = filled(TYPE.int64, [1, 3], () => 0);
  assertThrows(() => run.run({ input_ids: short }), RangeError, "has [1,3]");
});
