/** Training on a visitor's data. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { setClassNames } from "@lionjs/lion";
import {
  accuracy,
  confusionMatrix,
  crossEntropy,
  predict,
  train,
} from "@lionjs/lion/training";
import type { Answered, Learned, News } from "./calls.ts";
import type { Task } from "./task.ts";

/** How often the held-out examples are tried while training. */
const TRIED = 10;

const LEARNING_RATE = 2e-3;

/** Means by their names. */
type Evaluation = Readonly<Record<string, number>>;

/** Trains a model on a task, until a signal ends it. */
export async function learn(
  task: Task,
  steps: number,
  { tell, signal }: { tell: (news: News) => void; signal: AbortSignal },
): Promise<{ model: LayersModel } & Omit<Learned, "device">> {
  const model = task.makeModel();
  setClassNames(model, task.classes);
  let shown: Evaluation = {};
  try {
    const began = performance.now();
    const result = await train(model, task.batches, {
      steps,
      loss: crossEntropy(),
      optimizer: {
        learningRate: LEARNING_RATE,
        warmUpSteps: Math.floor(steps / 10),
        weightDecay: 0.05,
      },
      evaluate: {
        data: task.heldOut,
        metrics: { accuracy: accuracy() },
        every: Math.ceil(steps / TRIED),
      },
      signal,
      progress: {
        begin() {},
        // Each step is told of, before it is evaluated.
        update: ({ step, evaluation }) => tellEvaluation(step - 1, evaluation),
        end() {},
      },
      callbacks: {
        async onBatchEnd(_, logs) {
          const { step, loss } = logs!;
          tell({ kind: "step", step: step!, loss: loss! });
          // Else what the page wishes would not be heard.
          await new Promise((resolve) => setTimeout(resolve));
        },
      },
    });
    tellEvaluation(result.steps, result.evaluation);
    const seconds = (performance.now() - began) / 1000;
    const { steps: taken } = result;
    return { model, steps: taken, seconds, ...await tried(model, task) };
  } catch (error) {
    model.dispose();
    throw error;
  }

  function tellEvaluation(step: number, evaluation: Evaluation): void {
    if (evaluation === shown) return;
    shown = evaluation;
    const { loss, accuracy } = evaluation;
    if (loss === undefined || accuracy === undefined) return;
    tell({ kind: "held out", step, loss, accuracy });
  }
}

/** What a model makes of the held-out examples. */
async function tried(
  model: LayersModel,
  { classes, trained, passed, names, heldOut }: Task,
): Promise<
  Pick<Learned, "classes" | "trained" | "passed" | "confusion" | "heldOut">
> {
  const { values, labels } = await predict(model, heldOut(), {
    map: (logits) => tf.softmax(logits),
  });
  const answers = names.map((name, i): Answered => {
    const row = values.subarray(i * classes.length, (i + 1) * classes.length);
    const probability = Math.max(...row);
    const predicted = row.indexOf(probability);
    return { name, label: labels[i]!, predicted, probability };
  });
  const confusion = confusionMatrix(
    answers.map(({ predicted }) => predicted),
    labels,
    { classes: classes.length },
  );
  return { classes, trained, passed, confusion, heldOut: answers };
}
