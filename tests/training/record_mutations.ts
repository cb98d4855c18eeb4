/**
 * Changes of a model while it is trained: steps that are replayed must see each of them,
 * as steps that are not do. `recordCaseOf` draws a case from a seed.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { lionGpt } from "../../mod.ts";
import type { BatchStream } from "../../lib/data/batches/stream.ts";
import {
  crossEntropy,
  type Loss,
  train,
  type TrainOptions,
} from "../../lib/training/mod.ts";
import { tinyBatch, tinyData, tinyModel } from "./tiny.ts";

/** What is trained: a model, its data, and what else it depends on. */
interface Trained {
  readonly model: LayersModel;
  readonly data: BatchStream;
  readonly options: Partial<TrainOptions> & { readonly loss: Loss };
  /** What a case may change besides the model. */
  readonly others?: Readonly<Record<string, LayersModel>>;
  /** Tensors besides variables. */
  readonly tensors?: tf.Tensor[];
}

/** The kinds of models, by name. */
const KINDS = {
  "LION-S with dropout": () => ({
    model: tinyModel({ depth: 1, dropPath: 0.1 }),
    data: tinyData(),
    options: { loss: crossEntropy() },
  }),
  "softmax, recomputed, with an average": () => ({
    model: tinyModel({
      depth: 1,
      variant: "softmax",
      gradientCheckpointing: true,
    }),
    data: tinyData(),
    options: { loss: crossEntropy(), ema: { decay: 0.9 } },
  }),
  "Gated DeltaNet, two batches a step": () => ({
    model: tinyModel({ depth: 1, variant: "gated-delta", dropout: 0 }),
    data: tinyData(),
    options: { loss: crossEntropy(), optimizer: { accumulate: 2 } },
  }),
  "GPT": () => ({
    model: lionGpt({
      ...{ vocabularySize: 9, dim: 4, depth: 1, numHeads: 1, mlpRatio: 1 },
      ...{ maxLength: 6, variant: "lit", seed: 2 },
    }),
    data: tinyData((position) => {
      const ids = Array.from({ length: 10 }, (_, i) => (i * i + position) % 9);
      return {
        inputs: [tf.tensor2d(ids, [2, 5], "int32")],
        labels: tf.tensor2d(ids.toReversed(), [2, 5], "int32"),
        size: 2,
      };
    }),
    options: { loss: crossEntropy() },
  }),
  "a teacher": () => {
    const teacher = tinyModel({ depth: 1, variant: "lit", seed: 3 });
    return {
      model: tinyModel({ depth: 1, dropout: 0 }),
      data: tinyData(),
      options: {
        loss: crossEntropy(),
        distillation: { teacher, labels: "soft" },
      },
      others: { teacher },
    };
  },
  "layers of tfjs, nested": () => {
    const { layers } = tfl;
    const inner = tfl.sequential({
      layers: [
        layers.dense({
          ...{ units: 4, activation: "tanh", inputShape: [2] },
          kernelInitializer: tfl.initializers.glorotUniform({ seed: 1 }),
          kernelRegularizer: "l1l2",
          kernelConstraint: "maxNorm",
        }),
        layers.layerNormalization({}),
        layers.leakyReLU({ alpha: 0.2 }),
      ],
    });
    const dense = layers.dense({
      units: 3,
      kernelInitializer: tfl.initializers.glorotUniform({ seed: 2 }),
    });
    const pool = layers.globalAveragePooling1d({});
    const x = tfl.input({ shape: [5, 2] });
    const y = layers.timeDistributed({
      layer: inner as unknown as typeof dense,
    });
    const outputs = dense.apply(pool.apply(y.apply(x))) as tfl.SymbolicTensor;
    const model = tfl.model({ inputs: x, outputs });
    const optimizer = tf.train.sgd(0.1);
    model.compile({ optimizer, loss: "meanSquaredError" });
    return {
      model,
      // It is protected.
      tensors: [Object(optimizer).c],
      data: tinyData((position) => {
        const { inputs: [x, ...rest], ...batch } = tinyBatch(position);
        tf.dispose(rest);
        return { ...batch, inputs: [x!] };
      }),
      options: { loss: crossEntropy(), record: true },
    };
  },
} satisfies Record<string, () => Trained>;

/** The name of a kind of models. */
export type RecordKind = keyof typeof KINDS;

/** All kinds of models. */
export const RECORD_KINDS = Object.keys(KINDS) as RecordKind[];

/** A property that a case changes. */
interface Property {
  /** The names on the way to it, from what is trained. */
  readonly path: readonly string[];
  /** The name of its owner's class, and its own. */
  readonly name: string;
}

/** A case: which property of which model changes, after how many steps. */
export interface RecordCase {
  readonly kind: RecordKind;
  /** The names on the way to the property, joined by dots. */
  readonly property: string;
  /** The class of the property's owner, and the property's name. */
  readonly name: string;
  readonly step: number;
}

/** Steps of a training. */
const STEPS = 20;

/** Properties that are accessors, or optional and not given. */
const DOCUMENTED: Readonly<Record<string, unknown>> = {
  trainable: true,
  chunkSize: 2,
  dropout: 0.1,
  direction: "both",
};

/** Methods of layers that a run calls. */
const METHODS = [
  ...["call", "apply", "computeMask", "build", "transform", "mix", "around"],
];

/** Other values of strings that only some of them can be. */
const OTHERS: Readonly<Record<string, string>> = {
  form: "recurrent",
  direction: "forward",
  variant: "d",
};

/** What is not a property of the model, its layers or its weights, or leads elsewhere. */
const LEFT_OUT = /^(dataId|kept|isDisposedInternal|outboundNodes)$/;

/** All properties that a case may change. */
function propertiesIn(trained: Trained): Property[] {
  const properties: Property[] = [];
  const seen = new Set<unknown>();
  const visit = (
    object: Record<string, unknown>,
    path: readonly string[],
    depth: number,
  ) => {
    if (seen.has(object)) return;
    seen.add(object);
    const names = new Set([
      ...Object.keys(object),
      ...isLayer(object) ? [...METHODS, "trainable"] : [],
      ...path.at(-1) === "attention" ? Object.keys(DOCUMENTED) : [],
      ...object instanceof tf.Variable || "trainable_" in object
        ? ["trainable"]
        : [],
    ]);
    for (const name of names) {
      if (LEFT_OUT.test(name)) continue;
      const owner = object.constructor?.name ?? "Object";
      properties.push({ path: [...path, name], name: `${owner}.${name}` });
      const value = object[name];
      const isFollowed = typeof value === "object" && value !== null &&
        !(value instanceof tfl.SymbolicTensor) &&
        !/Nodes|Depth|^parameters$/.test(name);
      if (isFollowed && depth > 0) {
        visit(value as typeof object, [...path, name], depth - 1);
      }
    }
  };
  const { model, options: { loss }, others = {} } = trained;
  for (const [name, object] of Object.entries({ model, loss, ...others })) {
    visit(object as unknown as Record<string, unknown>, [name], 4);
  }
  return properties;
}

function isLayer(object: object): boolean {
  return object instanceof tfl.layers.Layer;
}

/** All cases of a kind of models, each after so many steps. */
export function recordCasesOf(kind: RecordKind, step = 6): RecordCase[] {
  const trained: Trained = KINDS[kind]();
  const properties = propertiesIn(trained);
  tf.dispose([...variablesOf(trained), ...trained.tensors ?? []]);
  return properties.map(({ path, name }) => ({
    ...{ kind, property: path.join("."), name, step },
  }));
}

/** Properties whose change is one that readers make. */
const COMMON =
  /^(LionBlock|Dense)\.(trainable|call|mix|gradientCheckpointing|inboundNodes|_callHook)$|^Object\.(form|dropout)$|^LeakyReLU\.alpha$|^Variable\.trainable$|^LayersModel\.(trainable|apply)$/;

/**
 * Some cases of a kind: common ones, and so many others, no two of which are the same
 * property of a class. Kinds have different ones.
 */
export function someRecordCasesOf(
  kind: RecordKind,
  others: number,
): RecordCase[] {
  const byName = new Map(recordCasesOf(kind).map((one) => [one.name, one]));
  const all = [...byName.values()];
  const isCommon = ({ name }: RecordCase) => COMMON.test(name);
  const rest = all.filter((one) => !isCommon(one));
  const every = Math.ceil(rest.length / others);
  const first = RECORD_KINDS.indexOf(kind);
  return [
    ...all.filter(isCommon),
    ...rest.filter((_, i) => i % every === first % every),
  ];
}

/** The case of a seed. */
export function recordCaseOf(seed: number): RecordCase {
  const kind = RECORD_KINDS[seed % RECORD_KINDS.length]!;
  const cases = recordCasesOf(kind, 3 + seed % 7);
  return cases[(Math.imul(seed, 0x9e3779b1) >>> 0) % cases.length]!;
}

/** Another value of the same type. */
function changed(name: string, value: unknown): unknown {
  if (value === undefined) return DOCUMENTED[name];
  if (value === null) return {};
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") {
    return value > 0 && value < 1 ? value / 2 : value + 1;
  }
  if (typeof value === "string") return OTHERS[name] ?? `${value}_`;
  if (Array.isArray(value)) return value.slice(1);
  if (typeof value === "function") {
    return function (this: unknown, ...given: unknown[]) {
      const result = value.apply(this, given);
      const isFloat = result instanceof tf.Tensor && result.dtype === "float32";
      return isFloat ? tf.mul(result, 1.5) : result;
    };
  }
  if (value instanceof tf.Tensor) return value;
  const [first] = Object.entries(value).filter(([, part]) =>
    typeof part !== "object"
  );
  const copy = Object.create(Object.getPrototypeOf(value));
  Object.assign(copy, value);
  return first ? Object.assign(copy, { [first[0]]: changed(...first) }) : copy;
}

/** Changes a property; what a name leads to is read as tfjs does. */
function change(trained: Trained, property: string): void {
  const { model, options: { loss }, others } = trained;
  const names = property.split(".");
  const last = names.pop()!;
  let owner: Record<string, unknown> = { model, loss, ...others };
  for (const name of names) owner = owner[name] as typeof owner;
  owner[last] = changed(last, owner[last]);
}

/** All variables, which are there whatever changes in the models. */
function variablesOf({ model, others = {} }: Trained): tf.Tensor[] {
  const models = [model, ...Object.values(others)];
  return models.flatMap(({ weights }) => weights.map((one) => one.read()));
}

/** What a training gives, or how it fails. */
async function resultOf(
  { kind, property, step }: RecordCase,
  record: boolean | undefined,
) {
  const trained: Trained = KINDS[kind]();
  const { model, data, options } = trained;
  const variables = variablesOf(trained);
  const before = tf.memory().numTensors;
  const losses: number[] = [];
  let batches = 0, error: string | undefined;
  try {
    const result = await train(model, data, {
      ...{ steps: STEPS, progress: false, seed: 4, ...options },
      optimizer: { learningRate: 0.02, ...options.optimizer },
      ...record === undefined ? {} : { record },
      callbacks: {
        onBatchEnd(_batch, logs) {
          losses.push(logs!["loss"] as number);
          if (losses.length === step) change(trained, property);
        },
      },
    });
    batches = result.replayed.batches;
  } catch (failure) {
    // Names that tfjs numbers are others in each training.
    error = String(failure).replaceAll(/\d+/g, "");
  }
  const leaked = tf.memory().numTensors - before;
  const values = await Promise.all(variables.map((x) => x.data()));
  tf.dispose([...variables, ...trained.tensors ?? []]);
  const weights = values.map((value) => [...value]);
  return { batches, result: { losses, error, leaked, weights } };
}

/**
 * Throws unless a training gives the same, to the last bit, or fails in the same way,
 * with recorded steps as without them.
 *
 * @returns How many batches were replayed.
 */
export async function runRecordCase(one: RecordCase): Promise<number> {
  const wanted = await resultOf(one, false);
  const { batches, result } = await resultOf(one, undefined);
  assertEquals(result, wanted.result, JSON.stringify(one));
  return batches;
}
