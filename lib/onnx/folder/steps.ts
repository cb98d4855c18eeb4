/** Language models that read on from a state, as transformers.js runs hybrid models. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import type { MixerState } from "../../layers/mixer.ts";
import { partsOf } from "../../models/text_reader.ts";
import { onnxModel } from "../export.ts";
import { type FileOptions, writeOnnx } from "../file/write.ts";
import type { Initializer, Node, OnnxModel, ValueInfo } from "../graph.ts";
import {
  BATCH,
  LENGTH,
  namesOfVariables,
  type Program,
  type ProgramInput,
} from "../program.ts";

/** Fields of config.json by which pipelines find the caches. */
export interface StepSizes {
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly hidden_size: number;
  readonly vocab_size: number;
}

/** The state of a layer: its tensors by name, with their shapes without the batch. */
type StateShapes = readonly (readonly [string, readonly number[]])[];

/**
 * The cache from whose length pipelines learn how many tokens were read; nothing else is
 * in this one.
 */
const COUNTER = {
  past: "past_key_values.0.key",
  present: "present.0.key",
  length: "past_sequence_length",
  total: "total_sequence_length",
};

/** Where a layer's state is in the caches that pipelines carry from token to token. */
const CACHES = ["ssm", "conv"] as const;

/**
 * Writes the graph of a causal model that reads tokens after a state: the caches of
 * Mamba's layers are its states, of the same size after any text.
 *
 * @throws {TypeError} If the model was not made by lionGpt, or cannot be exported.
 * @throws {RangeError} If a state grows with the text, or is not zero before it.
 */
export async function exportSteps(
  model: LayersModel,
  path: string,
  { weights, output }: Pick<FileOptions, "weights"> & {
    readonly output: string;
  },
): Promise<{ readonly files: string[]; readonly sizes: StepSizes }> {
  const { embedding, blocks } = partsOf(model, "saveTransformersJs");
  const shapes = statesOf(model);
  await assertBeginsAtZero(model, shapes);
  const program = programOf(model, shapes, output);
  const whole = withCounter(await onnxModel(program, model, {}));
  const files = await writeOnnx(path, whole, {
    ...{ weights, externalData: "auto" },
  });
  const { vocabularySize, dim } = embedding.getConfig() as {
    vocabularySize: number;
    dim: number;
  };
  return {
    files,
    sizes: {
      num_hidden_layers: blocks.length,
      // Pipelines want heads for caches of keys, which no layer has.
      ...{ num_attention_heads: 1, num_key_value_heads: 1 },
      ...{ hidden_size: dim, vocab_size: vocabularySize },
    },
  };
}

/** Reads tokens after states: the logits behind each token, and the states after all. */
function read(
  model: LayersModel,
  ids: tf.Tensor2D,
  positions: tf.Tensor2D,
  states: readonly (MixerState | undefined)[],
): { readonly logits: tf.Tensor; readonly after: readonly MixerState[] } {
  const { embedding, blocks, norm, head } = partsOf(model);
  const start = 0;
  let x = embedding.embed(ids, { start, positions, types: undefined });
  let first: tf.Tensor3D | undefined;
  const after = blocks.map((block, i) => {
    const step = block.step(x, states[i], { mask: undefined, first });
    x = step.y;
    first ??= step.first;
    return step.state;
  });
  const table = embedding.parameter("word_embeddings.weight") as tf.Tensor2D;
  const logits = head.logits(norm.apply(x) as tf.Tensor3D, table);
  return { logits, after };
}

/** Ids whose values do not matter, with their positions, `[1, length]`. */
function example(
  length: number,
): { readonly ids: tf.Tensor2D; readonly positions: tf.Tensor2D } {
  const rows = (values: number[]) =>
    tf.tensor2d([values], [1, length], "int32");
  return {
    ids: rows(new Array(length).fill(0)),
    positions: rows(Array.from({ length }, (_, i) => i)),
  };
}

/** The states of each layer; throws if they grow, or are not of numbers. */
function statesOf(model: LayersModel): StateShapes[] {
  const shapesAfter = (length: number) =>
    tf.tidy(() => {
      const { ids, positions } = example(length);
      return read(model, ids, positions, []).after.map((state) =>
        Object.entries(state).map(([name, { shape, dtype }]) =>
          [name, shape.slice(1), dtype] as const
        )
      );
    });
  const [short, long] = [shapesAfter(1), shapesAfter(3)];
  const isConstant = JSON.stringify(short) === JSON.stringify(long);
  const areNumbers = short.flat().every(([, , dtype]) => dtype === "float32");
  if (isConstant && areNumbers) {
    return short.map((state) =>
      state.map(([name, shape]) => [name, shape] as const)
    );
  }
  throw new RangeError(
    'saveTransformersJs\'s model should have states of constant size for task "text-generation", such as those of variant "s", got ones that grow with the text',
  );
}

/** Throws unless a model reads the same from no state and from one of zeros, as pipelines begin. */
async function assertBeginsAtZero(
  model: LayersModel,
  shapes: readonly StateShapes[],
): Promise<void> {
  const [none, zeros] = tf.tidy(() => {
    const { ids, positions } = example(3);
    const empty = shapes.map((state) =>
      Object.fromEntries(
        state.map(([name, shape]) => [name, tf.zeros([1, ...shape])]),
      )
    );
    return [[], empty].map((states) =>
      read(model, ids, positions, states).logits
    );
  }) as [tf.Tensor, tf.Tensor];
  const [wanted, got] = await Promise.all([none.data(), zeros.data()]);
  tf.dispose([none, zeros]);
  const largest = Math.max(1, ...wanted.map(Math.abs));
  const isSame = wanted.every((x, i) => Math.abs(x - got[i]!) < 1e-4 * largest);
  if (isSame) return;
  throw new RangeError(
    'saveTransformersJs\'s model should have states that are zero before a text for task "text-generation", such as those of variant "s", got others',
  );
}

/**
 * The caches of a layer's state: its first tensor, and the others, which are one row if
 * there are several.
 */
function cachesOf(state: StateShapes): (readonly number[])[] {
  const [first, ...others] = state.map(([, shape]) => shape);
  if (!first) return [];
  if (others.length <= 1) return [first, ...others];
  const total = others.reduce((sum, shape) => sum + sizeOf(shape), 0);
  return [first, [total]];
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A layer's state from its caches. */
function unpacked(
  state: StateShapes,
  caches: readonly tf.Tensor[],
): MixerState {
  if (state.length <= 2) {
    return Object.fromEntries(state.map(([name], i) => [name, caches[i]!]));
  }
  const [[name], ...others] = state as [StateShapes[number], ...StateShapes];
  const sizes = others.map(([, shape]) => sizeOf(shape));
  const parts = tf.split(caches[1]!, sizes, 1);
  return {
    [name]: caches[0]!,
    ...Object.fromEntries(
      others.map(([name, shape], i) =>
        [name, tf.reshape(parts[i]!, [-1, ...shape])] as const
      ),
    ),
  };
}

/** A layer's caches from its state. */
function packed(state: StateShapes, after: MixerState): tf.Tensor[] {
  const [first, ...others] = state.map(([name]) => after[name]!);
  if (!first) return [];
  if (others.length <= 1) return [first, ...others];
  const rows = others.map((x, i) =>
    tf.reshape(x, [-1, sizeOf(state[i + 1]![1])])
  );
  return [first, tf.concat(rows, 1)];
}

/** The program that reads ids after states. */
function programOf(
  model: LayersModel,
  shapes: readonly StateShapes[],
  output: string,
): Program {
  const caches = shapes.map(cachesOf);
  const named = (prefix: string) =>
    caches.flatMap((shapes, i) =>
      shapes.map((shape, j) => [`${prefix}_${CACHES[j]!}.${i}`, shape] as const)
    );
  const tokens = ["input_ids", "position_ids"].map((name): ProgramInput => ({
    ...{ name, kind: "ids", shape: [BATCH, LENGTH] },
  }));
  const states = named("past").map(([name, shape]): ProgramInput => ({
    ...{ name, kind: "numbers", shape: [BATCH, ...shape] },
  }));
  return {
    name: model.name,
    inputs: [...tokens, ...states],
    outputs: [output, ...named("present").map(([name]) => name)],
    weights: namesOfVariables(model),
    run([ids, positions, ...given]) {
      const next = given.values();
      const before = shapes.map((state, i) =>
        unpacked(state, caches[i]!.map(() => next.next().value!))
      );
      const { logits, after } = read(
        model,
        ids as tf.Tensor2D,
        positions as tf.Tensor2D,
        before,
      );
      return [
        logits,
        ...after.flatMap((state, i) => packed(shapes[i]!, state)),
      ];
    },
  };
}

/** Adds a cache of as many zeros as tokens were read. */
function withCounter(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const node = (
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Node["attributes"] = {},
  ): Node => ({
    ...{ name: output, operator, domain: "", inputs, outputs: [output] },
    attributes,
  });
  const integers = (name: string, values: bigint[]): Initializer => ({
    ...{ name, type: "int64", shape: [values.length], isWeight: false },
    load: () => BigInt64Array.from(values),
  });
  const cache = (name: string, length: string): ValueInfo => ({
    ...{ name, type: "float32", shape: [BATCH, 1, length, 1] },
  });
  const along = (axis: number) => ({ axis: { int: axis } });
  return {
    ...model,
    graph: {
      ...graph,
      initializers: [
        ...graph.initializers,
        integers("counter_ones", [1n, 1n]),
        {
          ...{ name: "counter_zero", type: "float32", shape: [] },
          ...{ isWeight: false, load: () => Float32Array.of(0) },
        },
      ],
      nodes: [
        ...graph.nodes,
        node("Shape", ["input_ids"], "counter_read"),
        node(
          "Concat",
          ["counter_read", "counter_ones"],
          "counter_sizes",
          along(0),
        ),
        node("Expand", ["counter_zero", "counter_sizes"], "counter_rows"),
        node("Transpose", ["counter_rows"], "counter_new", {
          perm: { ints: [0, 2, 1, 3] },
        }),
        node(
          "Concat",
          [COUNTER.past, "counter_new"],
          COUNTER.present,
          along(2),
        ),
      ],
      inputs: [...graph.inputs, cache(COUNTER.past, COUNTER.length)],
      outputs: [...graph.outputs, cache(COUNTER.present, COUNTER.total)],
    },
  };
}
