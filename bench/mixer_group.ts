/** The same model with different mixers as contenders, which are checked. @module */
import type { BackendName } from "@lionjs/lion";
import {
  groupOf,
  type OpenGroup,
  startBackend,
  tensorContender,
  type Within,
} from "./group.ts";
import type { Problem } from "./mixer_models.ts";
import {
  type Answer,
  disagreement,
  Subject,
  type Work,
} from "./mixer_subject.ts";
import { inPlainForms } from "./plain_forms.ts";

/** Of what is compared with plain JavaScript. */
const BLOCKS_OF_SHORT = 2;

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

/** Which models to time, and at what. */
export interface MixerChoice {
  readonly problem: Problem;
  /**
   * Of `problem.models`, which run in operations of TensorFlow.js where " in tfjs"
   * follows; the first is the baseline.
   */
  readonly names: readonly string[];
  readonly work: Work;
  readonly backend: BackendName;
  readonly threads: number;
  /** Whether the input that is compared with plain JavaScript is as short as can be. */
  readonly isShortest: boolean;
  /** Blocks of softmax's model, of which the rivals have twice as many. @default as published */
  readonly depth?: number;
}

/**
 * The models with their inputs: each is compared with plain JavaScript at a short
 * input, and with plain forms at the size that is timed.
 */
export async function openMixers(
  { problem, names, work, backend, threads, isShortest, depth }: MixerChoice,
): Promise<OpenGroup> {
  const short = problem.short(isShortest);
  await startBackend("cpu", threads);
  const expected = new Map<string, Answer>();
  for (const name of names) {
    expected.set(name, await truthOf(short, howOf(name).model, work));
  }
  await startBackend(backend, threads);
  const subjects: Subject[] = [];
  const contenders = names.map((name) => {
    const { model, within } = howOf(name);
    const ofDepth = depth && depth * problem.blocksPerBlock(model);
    const made = problem.models[model]!(ofDepth);
    const subject = new Subject(made, problem.inputs);
    subjects.push(subject);
    const blocks = work === "inference" ? ofDepth : 1;
    const answer = () =>
      answerOf(problem.plain(model, work), model, work, blocks);
    const check = async () => {
      const got = await within(() =>
        answerOf(short, model, work, BLOCKS_OF_SHORT)
      );
      const wrong = disagreement(got, expected.get(name)!, TOLERANCE);
      if (wrong) return `${short.title}: ${wrong}`;
      const plain = await inPlainForms(answer);
      return disagreement(await answer(), plain, TOLERANCE);
    };
    return tensorContender(name, () => subject.run(work), check, { within });
  });
  return groupOf(
    contenders,
    () => subjects.forEach((subject) => subject.dispose()),
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
