/**
 * Classifying one image of 224 pixels: vision transformers of the paper's sizes,
 * in every form, beside the same with softmax attention.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type AttentionVariant,
  type BackendName,
  type ConcreteForm,
  describe,
  lionViT,
  setForm,
  VIT_PRESETS,
} from "@lionjs/lion";
import { array, uniform } from "../tests/random.ts";
import type { Variant } from "./attention_problem.ts";
import {
  type Contender,
  type Group,
  type OpenGroup,
  readTensors,
  startBackend,
  timeTensors,
  usageOf,
} from "./group.ts";
import { difference } from "./measure.ts";

const MODELS = ["tiny", "base"] as const;
const FORMS = ["auto", "full", "blockwise", "recurrent"] as const;
const SIDE = 224;

/** What to classify with. */
export interface VisionChoice {
  readonly backend: BackendName;
  readonly variant: Variant;
  readonly threads: number;
}

/** A group for each of {@linkcode MODELS}. */
export function visionGroups(choice: VisionChoice): Group[] {
  const { backend, variant } = choice;
  return MODELS.map((model) => ({
    section: "vision",
    backend,
    parameters: { model: `ViT-${model}`, variant, batch: 1, image: SIDE },
    open: () => open(model, choice),
  }));
}

async function open(
  size: typeof MODELS[number],
  { backend, variant, threads }: VisionChoice,
): Promise<OpenGroup> {
  await startBackend(backend, threads);
  const image = tf.tensor4d(
    array(SIDE * SIDE * 3, uniform(1)),
    [1, SIDE, SIDE, 3],
  );
  const make = (variant: AttentionVariant) =>
    lionViT({ ...VIT_PRESETS[size], variant, seed: 1 });
  const [softmax, lion] = [make("softmax"), make(variant)];
  const classify = (form: AttentionForm | "softmax"): tf.Tensor[] => {
    if (form === "softmax") return [softmax.predict(image) as tf.Tensor];
    setForm(lion, form);
    return [lion.predict(image) as tf.Tensor];
  };
  const [expected] = await readTensors(() => classify("full"));
  const contender = (form: AttentionForm | "softmax"): Contender => {
    const run = () => classify(form);
    const costs = describe(form === "softmax" ? softmax : lion, image.shape);
    const planned: ConcreteForm = form === "softmax"
      ? "full"
      : form === "auto"
      ? "chunkwise"
      : form;
    const { operations, attentionBytes } = costs.forms[planned]!;
    return {
      name: form === "softmax" ? "softmax attention" : form,
      check: async () => {
        // Another function, with nothing here to compare it with.
        if (form === "softmax") return null;
        const [values] = await readTensors(run);
        return difference(`logits, ${form}`, [[values!, expected!]], 1e-4);
      },
      run: () => timeTensors(run),
      cost: { operations, bytes: costs.parameterBytes + attentionBytes },
      usage: () => usageOf(run),
    };
  };
  return {
    contenders: (["softmax", ...FORMS] as const).map(contender),
    baseline: "softmax attention",
    close: () => {
      image.dispose();
      softmax.dispose();
      lion.dispose();
      return Promise.resolve();
    },
  };
}
