/** The same model with different mixers as contenders, which are checked. @module */
import type { BackendName } from "@lionjs/lion";
import {
  type Contender,
  groupOf,
  type OpenGroup,
  tensorContender,
  type Within,
} from "./group.ts";
import { encoderProblem, type Problem, visionProblem } from "./mixer_models.ts";
import {
  type Answer,
  disagreement,
  Subject,
  type Work,
} from "./mixer_subject.ts";
import { inPlainForms } from "./plain_forms.ts";

/** Of what is compared with plain JavaScript. */
const BLOCKS_OF_SHORT = 2;

/** Inputs that plain JavaScript computes in a second or so. */
type Short = Readonly<Record<"vit" | "encoder", Problem>>;

/** An image of 82 tokens, and a sequence of 70. */
export const SHORT: Short = {
  vit: visionProblem(144),
  encoder: encoderProblem(70),
};

/** An image of 5 tokens, and a sequence of 22, where what is timed is as short. */
export const SHORTEST: Short = {
  vit: visionProblem(32),
  encoder: encoderProblem(22),
};

/** Of each result's largest number. */
const TOLERANCE = 1e-3;

/** What ends the names of models that run without kernels of ours. */
const PLAIN = " in tfjs";

/** How a contender computes: as the library does, or in plain forms. */
function howOf(name: string): {
  readonly model: string;
  readonly within: Within;
} {
  return name.endsWith(PLAIN)
    ? { model: name.slice(0, -PLAIN.length), within: inPlainForms }
    : { model: name, within: (work) => work() };
}

/** Starts a backend, or the one that is timed. */
export type StartBackend = (backend?: BackendName) => Promise<unknown>;

/** Which models to time, and at what. */
export interface MixerChoice {
  readonly problem: Problem;
  /** The same at a short input, which is compared with plain JavaScript. */
  readonly short: Problem;
  /**
   * Of `problem.models`, which run in operations of TensorFlow.js where " in tfjs"
   * follows; the first is the baseline.
   */
  readonly names: readonly string[];
  readonly work: Work;
  readonly start: StartBackend;
  /** Blocks of softmax's model, of which the rivals have twice as many. @default as published */
  readonly depth?: number;
}

/** The models with their inputs. */
export async function openMixers(
  { problem, short, names, work, start, depth }: MixerChoice,
): Promise<OpenGroup> {
  await start("cpu");
  const expected = new Map<string, Answer>();
  for (const name of names) {
    expected.set(name, await truthOf(short, howOf(name).model, work));
  }
  await start();
  const contenders = names.map((name) => {
    const contender = contenderOf(problem, name, work, depth);
    return {
      ...contender,
      check: async () => {
        const { model, within } = howOf(name);
        const got = await within(() =>
          answerOf(short, model, work, BLOCKS_OF_SHORT)
        );
        const wrong = disagreement(got, expected.get(name)!, TOLERANCE);
        return wrong ? `${short.title}: ${wrong}` : await contender.check();
      },
    };
  });
  return groupOf(
    contenders,
    () => contenders.forEach(({ dispose }) => dispose()),
  );
}

const truths = new Map<string, Answer>();

/** What plain JavaScript answers to a short input; computed once. */
async function truthOf(
  short: Problem,
  name: string,
  work: Work,
): Promise<Answer> {
  const key = `${short.title} ${name} ${work}`;
  const truth = truths.get(key) ??
    await answerOf(short, name, work, BLOCKS_OF_SHORT);
  truths.set(key, truth);
  return truth;
}

/** What a model of so many blocks, or all, answers on the current backend. */
async function answerOf(
  { models, inputs }: Problem,
  name: string,
  work: Work,
  blocks?: number,
): Promise<Answer> {
  const subject = new Subject(models[name]!(blocks), inputs);
  try {
    return await subject.answer(work);
  } finally {
    subject.dispose();
  }
}

/** A model at the size that is timed, which is checked with plain forms. */
function contenderOf(
  problem: Problem,
  name: string,
  work: Work,
  depth: number | undefined,
): Contender & { dispose(): void } {
  const { model, within } = howOf(name);
  const ofDepth = depth && depth * problem.blocksPerBlock(model);
  const subject = new Subject(problem.models[model]!(ofDepth), problem.inputs);
  const blocks = work === "inference" ? ofDepth : 1;
  const answer = () =>
    answerOf(problem.plain(model, work), model, work, blocks);
  return {
    ...tensorContender(
      ...[name, () => subject.run(work)] as const,
      async () =>
        disagreement(await answer(), await inPlainForms(answer), TOLERANCE),
      { within },
    ),
    dispose: () => subject.dispose(),
  };
}
