/**
 * What two revisions of the library are compared in. A case takes the library's
 * functions from whoever opens it, so that the same table runs on both.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { array, uniform } from "../../tests/random.ts";
import { type Pass, timeTensors } from "../measure/tensors.ts";
import { problemOf } from "../attention_problem.ts";
import { next, textOf } from "../generation.ts";
import { stopwatch } from "../measure/timing.ts";
import { Subject, type Work } from "../mixer_subject.ts";
import {
  familyOperation,
  formOperation,
  HEADS,
  type Library,
  MEMBERS,
  type OpenOperation,
  openOperation,
  type Operation,
  scanOperation,
  softmaxOperation,
} from "../operations.ts";
import { inPlainForms } from "../plain_forms.ts";

/** Parts of the table. */
export const COMPARED = [
  "forms",
  "softmax",
  "family",
  "scan",
  "models",
] as const;

/** A computation of both revisions. */
export interface Case {
  readonly section: typeof COMPARED[number];
  /** Unique in its section. */
  readonly name: string;
  /** Tokens; `null` where the case has a size of its own. */
  readonly length: number | null;
  readonly work: Pass | Work;
  /**
   * Gradients after the output that are judged by the largest of them: those of
   * normalised queries and keys may cancel.
   */
  readonly together: number;
  open(library: Library): Promise<OpenOperation>;
}

/** The cases at some lengths; those that have a size of their own come last. */
export function casesOf(lengths: readonly number[]): Case[] {
  return [
    ...lengths.flatMap((length) => [
      ...formCases(length),
      ...softmaxCases(length),
      ...familyCases(length),
      ...scanCases(length),
      ...encoderCases(length),
    ]),
    ...visionCases(),
    nextToken(),
  ];
}

/** An operation as cases: forward, and with the gradients of all inputs. */
function bothPasses(
  named: Pick<Case, "section" | "name" | "length">,
  operation: Operation,
): Case[] {
  return (["forward", "gradients"] as const).map((work) => ({
    ...named,
    together: operation.together ?? 0,
    work,
    open: (library) => Promise.resolve(openOperation(operation, library, work)),
  }));
}

/** Padding and packing, as options of an operation on sequences. */
const TOKENS = {
  whole: () => ({}),
  /** The last eighth is padding. */
  masked: (length: number) => ({
    mask: tf.tensor2d(
      Float32Array.from({ length }, (_, i) => Number(i < 7 * length / 8)),
      [1, length],
    ),
  }),
  /** Three sequences in a row. */
  packed: (length: number) => ({
    segments: tf.tensor2d(
      Int32Array.from({ length }, (_, i) => Math.floor(3 * i / length)),
      [1, length],
      "int32",
    ),
  }),
} as const;

type Tokens = keyof typeof TOKENS;

function formCases(length: number): Case[] {
  const forms = ["full", "recurrent", "blockwise", "chunkwise"] as const;
  const kinds = [
    ["LION-LIT", "lit", "whole"],
    ["LION-D", "d", "whole"],
    ["LION-S", "s", "whole"],
    ["LION-S, masked", "s", "masked"],
    ["LION-S, packed", "s", "packed"],
  ] as const;
  return kinds.flatMap(([title, variant, tokens]) => {
    const problem = () => problemOf(variant, HEADS, length);
    return forms.flatMap((form) =>
      bothPasses(
        { section: "forms", name: `${form}, ${title}`, length },
        formOperation(variant, problem, { form }, () => TOKENS[tokens](length)),
      )
    );
  });
}

function softmaxCases(length: number): Case[] {
  const problem = () => problemOf("lit", HEADS, length);
  return (Object.keys(TOKENS) as Tokens[]).flatMap((tokens) =>
    bothPasses(
      { section: "softmax", name: `softmax, ${tokens}`, length },
      softmaxOperation(problem, {}, () => TOKENS[tokens](length)),
    )
  );
}

function familyCases(length: number): Case[] {
  const directions = { "both directions": false, causal: true };
  // PaTH keeps all scores, for which memory does not last.
  const members = length > 2048
    ? MEMBERS.filter((member) => member !== "pathAttention")
    : MEMBERS;
  return members.flatMap((member) =>
    Object.entries(directions).flatMap(([direction, causal]) =>
      bothPasses(
        { section: "family", name: `${member}, ${direction}`, length },
        familyOperation(member, length, causal),
      )
    )
  );
}

function scanCases(length: number): Case[] {
  return bothPasses(
    { section: "scan", name: "selectiveScan", length },
    scanOperation(length, 384, 16),
  );
}

/** A model that classifies, and learns by a step of Adam. */
function modelCases(
  name: string,
  length: number | null,
  make: (library: Library) => LayersModel,
  inputs: () => tf.Tensor[],
): Case[] {
  return (["inference", "training"] as const).map((work) => ({
    ...{ section: "models", name, length, work, together: Infinity },
    open: (library) => {
      const subject = new Subject(make(library), inputs);
      // A model of its own: an answer in training is a step further.
      const answer = async () => {
        const other = new Subject(make(library), inputs);
        const values = [...(await other.answer(work)).values()];
        other.dispose();
        return values.map((numbers) => Float32Array.from(numbers));
      };
      return Promise.resolve({
        time: () => timeTensors(() => subject.run(work)),
        results: answer,
        reference: () => inPlainForms(answer),
        dispose: () => subject.dispose(),
      });
    },
  }));
}

const CLASSES = 10;

function encoderCases(length: number): Case[] {
  const dim = 128;
  const variants = ["softmax", "lit", "d", "s", "hydra", "vim"] as const;
  return variants.flatMap((variant) =>
    modelCases(
      `encoder, ${variant}`,
      length,
      ({ lionEncoder }) =>
        lionEncoder({
          ...{ inputDim: dim, dim, depth: 2, numClasses: CLASSES, seed: 1 },
          variant,
          ...(variant !== "hydra" && variant !== "vim" && { numHeads: 4 }),
        }),
      () => [
        tf.tensor3d(array(length * dim, uniform(1)), [1, length, dim]),
        tf.ones([1, length]),
      ],
    )
  );
}

function visionCases(): Case[] {
  const imageSize = 224;
  return (["softmax", "s"] as const).flatMap((variant) =>
    modelCases(
      `ViT of 4 blocks, ${variant}`,
      null,
      ({ lionViT }) =>
        lionViT({
          ...{ imageSize, patchSize: 16, numClasses: CLASSES, seed: 1 },
          ...{ dim: 192, depth: 4, numHeads: 3, variant },
        }),
      () => [
        tf.tensor4d(
          array(imageSize * imageSize * 3, uniform(1)),
          [1, imageSize, imageSize, 3],
        ),
      ],
    )
  );
}

/** A token after a text of 256. */
function nextToken(): Case {
  const vocabularySize = 256;
  return {
    ...{ section: "models", name: "GPT, next token", length: null },
    ...{ work: "inference", together: 0 },
    async open({ lionGpt }) {
      const model = lionGpt({
        ...{ vocabularySize, dim: 256, depth: 4, numHeads: 4 },
        ...{ variant: "s", seed: 1 },
      });
      const text = await textOf(model, vocabularySize, 256);
      const answer = async () => [Float32Array.of(await next(model, text))];
      return {
        time: () => stopwatch(async () => void await next(model, text)),
        results: answer,
        reference: () => inPlainForms(answer),
        dispose: () => {
          text.state.dispose();
          model.dispose();
        },
      };
    },
  };
}
