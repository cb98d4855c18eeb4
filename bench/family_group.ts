/**
 * Who computes linear transformers: the library, with kernels and without, and
 * PyTorch.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  deltaAttention,
  diagonalDecay,
  lionAttention,
  selectiveDecay,
} from "@lionjs/lion";
import { planDelta } from "../lib/attention/planning/delta_kernel.ts";
import { planForm } from "../lib/attention/planning/kernel.ts";
import { HEAD_DIM, type Pass } from "./attention_problem.ts";
import { familyLoop, type FamilyResult } from "./family_loop.ts";
import {
  type FamilyProblem,
  familyProblem,
  type ModelName,
  MODELS,
} from "./family_problem.ts";
import {
  type Attend,
  compute,
  type Contender,
  type OpenGroup,
  readTensors,
  timeTensors,
  usageOf,
} from "./group.ts";
import { difference } from "./measure.ts";
import { type NamedPeer, peerContender } from "./peers/torch.ts";

/** Largest error relative to the largest value: of the tests, with room for long sums. */
const TOLERANCE = { forward: 2e-5, gradients: 5e-5 };

/** PyTorch's chunks, of which the fastest is timed. */
const CHUNKS = [32, 64, 128];

const HEADS = 4;

/** One of ours. */
export interface Ours {
  readonly name: string;
  readonly model: ModelName;
  readonly length: number;
  /** @default true */
  readonly kernel?: boolean;
}

/** PyTorch's. */
export interface Theirs extends NamedPeer {
  /** One that torch_peer.py has a scan of. */
  readonly model: ModelName;
  readonly length: number;
}

/** Contenders with their inputs in place; the first of ours is the baseline. */
export async function openFamily(
  pass: Pass,
  ours: readonly Ours[],
  theirs: readonly Theirs[] = [],
): Promise<OpenGroup> {
  const opened = ours.map((one) => ourContender(pass, one));
  const contenders = opened.map(({ contender }) => contender);
  for (const one of theirs) contenders.push(await theirContender(pass, one));
  return {
    contenders,
    baseline: [...ours, ...theirs][0]!.name,
    close: async () => {
      opened.forEach(({ dispose }) => dispose());
      for (const { peer } of theirs) await peer.release();
    },
  };
}

/** Why a model has no kernel on the current backend; `null` if it has one. */
export function whyNoKernel(model: ModelName, length: number): string | null {
  const { diagonal, delta } = MODELS[model];
  const sizes = { headDim: HEAD_DIM, valueDim: HEAD_DIM, chunkSize: undefined };
  const request = {
    ...{ batch: 1, heads: HEADS, length, ...sizes },
    ...{ diagonal, causal: false },
  };
  const plan = delta ? planDelta(request) : planForm("chunkwise", {
    ...request,
    ...{ decays: true, normalize: false, precision: "f32" },
  });
  return "refusal" in plan ? plan.refusal : null;
}

function ourContender(
  pass: Pass,
  { name, model, length, kernel = true }: Ours,
): { contender: Contender; dispose: () => void } {
  const { problem } = referenceOf(model, length);
  const { dy, ...inputs } = Object.fromEntries(
    arraysOf(problem).map(({ name, shape, values }) => [
      name,
      tf.tensor(values, shape),
    ]),
  );
  const operands = Object.values(inputs) as tf.Tensor[];
  const run = () => compute(attendOf(model, kernel), operands, dy!, pass);
  return {
    contender: {
      name,
      check: async () =>
        familyDifference(model, length, await readTensors(run)),
      run: () => timeTensors(run),
      usage: () => usageOf(run),
    },
    dispose: () => tf.dispose([...operands, dy!]),
  };
}

/** The model as a function of the tensors that {@linkcode arraysOf} names. */
function attendOf(model: ModelName, kernel: boolean): Attend {
  const { diagonal, delta } = MODELS[model];
  const options = { form: "chunkwise", scale: 1, kernel } as const;
  const decayOf = (logDecay: tf.Tensor) =>
    diagonal
      ? diagonalDecay(logDecay as tf.Tensor4D, { convention: "arrival" })
      : selectiveDecay(logDecay as tf.Tensor3D, { convention: "arrival" });
  return (...inputs) => {
    const [q, k, v] = inputs as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    const decay = decayOf(inputs.at(-1)!);
    return delta
      ? deltaAttention(q, k, v, inputs[3] as tf.Tensor3D, { ...options, decay })
      : lionAttention(q, k, v, { ...options, decay, normalize: false });
  };
}

async function theirContender(
  pass: Pass,
  { name, peer, model, length }: Theirs,
): Promise<Contender> {
  const tensors = arraysOf(referenceOf(model, length).problem);
  await peer.prepareFastest(CHUNKS.map((chunk) => ({
    work: "attention",
    options: { pass, form: model, chunk },
    tensors,
  })));
  return peerContender(
    peer,
    (result) => familyDifference(model, length, result),
    undefined,
    name,
  );
}

/** The inputs in order, and dy, as tensors have them. */
function arraysOf(problem: FamilyProblem) {
  const { heads, length, dim, diagonal } = problem;
  const { q, k, v, beta, logDecay, dy } = problem;
  const tokens = [1, heads, length];
  const vectors = [...tokens, dim];
  return [
    { name: "q", shape: vectors, values: q },
    { name: "k", shape: vectors, values: k },
    { name: "v", shape: vectors, values: v },
    ...(beta ? [{ name: "beta", shape: tokens, values: beta }] : []),
    { name: "logDecay", shape: diagonal ? vectors : tokens, values: logDecay },
    { name: "dy", shape: vectors, values: dy },
  ];
}

/** A model's problem at a length, and what comes out. */
interface Reference {
  readonly problem: FamilyProblem;
  readonly expected: FamilyResult;
}

const references = new Map<string, Reference>();

/** Computed once: it takes longer than all contenders. */
function referenceOf(model: ModelName, length: number): Reference {
  const key = `${model} ${length}`;
  let reference = references.get(key);
  if (!reference) {
    const problem = familyProblem(MODELS[model], HEADS, length);
    reference = { problem, expected: familyLoop(problem) };
    references.set(key, reference);
  }
  return reference;
}

/** What is wrong with the output, and with the gradients of the inputs if they follow. */
function familyDifference(
  model: ModelName,
  length: number,
  [y, ...gradients]: readonly Float32Array[],
): string | null {
  const { problem, expected } = referenceOf(model, length);
  const { forward, gradients: tolerance } = TOLERANCE;
  const names = arraysOf(problem).map(({ name }) => name);
  return gradients.reduce<string | null>(
    (wrong, gradient, i) =>
      wrong ?? difference(
        `the gradient of ${names[i]}`,
        [[gradient, expected[names[i] as keyof FamilyResult]!]],
        tolerance,
      ),
    difference("y", [[y!, expected.y]], forward),
  );
}
