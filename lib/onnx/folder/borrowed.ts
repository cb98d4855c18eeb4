/** The architectures of transformers.js whose names models borrow, by task. @module */
import { shown } from "@lionjs/base";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { LionBlock } from "../../layers/block.ts";
import { VocabularyHead } from "../../layers/embeddings/vocabulary_head.ts";
import { Normalization } from "../../layers/normalization.ts";

/** What a pipeline of transformers.js does. */
export type TransformersJsTask =
  | "text-classification"
  | "feature-extraction"
  | "fill-mask"
  | "image-classification"
  | "text-generation";

/** How a task's models are called, and what pipelines give them and read. */
export interface Borrowed {
  /** The `model_type` of config.json. */
  readonly type: string;
  /** The class in Python that pipelines look for. */
  readonly architecture: string;
  /** The name of the graph's output. */
  readonly output: string;
  /** Inputs of models that pipelines have; the first is needed. */
  readonly inputs: readonly string[];
  /** Whether the output is of classes. */
  readonly hasClasses?: boolean;
}

const OF_TEXT = ["ids", "mask", "types"];

/** By task; names that transformers.js does not know would be refused. */
export const BORROWED: Readonly<Record<TransformersJsTask, Borrowed>> = {
  "text-classification": {
    ...{ type: "bert", architecture: "BertForSequenceClassification" },
    ...{ output: "logits", inputs: OF_TEXT, hasClasses: true },
  },
  "feature-extraction": {
    ...{ type: "bert", architecture: "BertModel" },
    ...{ output: "last_hidden_state", inputs: OF_TEXT },
  },
  "fill-mask": {
    ...{ type: "bert", architecture: "BertForMaskedLM" },
    ...{ output: "logits", inputs: OF_TEXT },
  },
  "image-classification": {
    ...{ type: "vit", architecture: "ViTForImageClassification" },
    ...{ output: "logits", inputs: ["images"], hasClasses: true },
  },
  // GPT-2's name would run too, and be wrong: its models get only the last token of a
  // text, with caches of which these have none.
  "text-generation": {
    ...{
      type: "granitemoehybrid",
      architecture: "GraniteMoeHybridForCausalLM",
    },
    ...{ output: "logits", inputs: ["ids"] },
  },
};

/** Throws unless a model is of a task's kind. */
export function assertTask(
  model: LayersModel,
  task: TransformersJsTask,
): void {
  const { inputs, hasClasses } = BORROWED[task];
  // TensorFlow.js numbers the names of inputs within a process.
  const names = model.inputs.map(({ originalName }) => originalName!);
  const other = names.find((name) => !inputs.includes(name));
  const fail = (wanted: string, got: string) => {
    throw new RangeError(
      `saveTransformersJs's model should have ${wanted} for task ${
        shown(task)
      }, got ${got}`,
    );
  };
  if (!names.includes(inputs[0]!)) {
    fail(`an input ${shown(inputs[0])}`, names.map(shown).join(", "));
  }
  if (other !== undefined) {
    fail(
      `no input but ${inputs.map(shown).join(", ")}, which pipelines give`,
      shown(other),
    );
  }
  const { shape } = model.outputs[0]!;
  if (hasClasses && !(shape.length === 2 && shape[1]! >= 2)) {
    fail("an output of two classes or more", `[${shape.map(String)}]`);
  }
  if (task === "fill-mask" && shape.length !== 3) {
    fail("an output per token, as lionBert has", `[${shape.map(String)}]`);
  }
}

/**
 * The layer whose output is a text's features: `undefined` for the model's own, where
 * it is of tokens and not of words; else the last one that is of tokens.
 */
export function featuresOf(model: LayersModel): string | undefined {
  const isOfTokens = model.outputs[0]!.shape.length === 3;
  const predictsWords = model.layers.some((layer) =>
    layer instanceof VocabularyHead
  );
  if (isOfTokens && !predictsWords) return undefined;
  const last = model.layers.findLast((layer) =>
    layer instanceof Normalization || layer instanceof LionBlock
  );
  if (last) return last.name;
  throw new RangeError(
    `saveTransformersJs's layer should be the name of a layer whose output is of tokens, for a model that is not of this library's functions, got none`,
  );
}
