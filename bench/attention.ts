/**
 * Who computes attention: the forms of the library, softmax attention as a
 * kernel and in tfjs operations, the loop over Float32Array and PyTorch.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import {
  type BackendName,
  explainAttention,
  type LionAttentionOptions,
  noDecay,
} from "@lionjs/lion";
import type { Pass } from "./measure/tensors.ts";
import { difference, stopwatch } from "./measure/timing.ts";
import { attentionLoop } from "./attention_loop.ts";
import {
  type AttentionProblem,
  type AttentionResult,
  EPSILON,
  HEAD_DIM,
  problemOf,
  type Variant,
} from "./attention_problem.ts";
import {
  type Contender,
  type Cost,
  type Group,
  once,
  type OpenGroup,
  startBackend,
  tensorContender,
} from "./group.ts";
import { LIBRARY } from "./library.ts";
import {
  attentionInputs,
  decayOf,
  formOperation,
  openOperation,
  type PlacedInputs,
  placeInputs,
  type Shaped,
  softmaxOperation,
  wrongIn,
} from "./operations.ts";
import type { AttentionPeer } from "./peers/attention_peer.ts";
import { rest } from "./peers/peer_process.ts";
import { type NamedPeer, peerContender } from "./peers/torch.ts";
import { softmaxRows } from "./softmax_rows.ts";

/** The forms of the library. */
export const FORMS = ["full", "chunkwise", "blockwise", "recurrent"] as const;
/** One of {@linkcode FORMS}. */
export type Form = typeof FORMS[number];

/** Softmax attention as a kernel, and in operations of TensorFlow.js. */
export const SOFTMAX = "softmax", PLAIN_SOFTMAX = "softmax in tfjs";

/** The full form as the paper has it, in operations that keep the matrix of scores. */
export const PLAIN_FULL = "full in tfjs";

/** Attention as one would write it without a library. */
export const LOOP = "Float32Array loop";

/**
 * The longest sequences that a contender is timed at. Quadratic ones: at
 * 16,384 tokens the scores of 4 heads are 4 GiB, more than a tensor may hold,
 * and on cpu a run takes seconds from 512 on. Recurrent, on cpu: a handful of
 * kernels for each token.
 */
const LONGEST: Readonly<
  Record<Form | "softmax", Readonly<Record<BackendName, number>>>
> = {
  full: { webgpu: 4096, wasm: 4096, cpu: 256 },
  blockwise: { webgpu: 4096, wasm: 4096, cpu: 256 },
  softmax: { webgpu: 4096, wasm: 4096, cpu: 256 },
  chunkwise: { webgpu: 16_384, wasm: 16_384, cpu: 1024 },
  recurrent: { webgpu: 16_384, wasm: 16_384, cpu: 256 },
};

/** Gradients of q, k and v are judged together, since those of q and k may cancel. */
const TOGETHER = 3;

/** Scans of others take differences of sums over all chunks, which costs them digits at great lengths. */
const PEER_TOLERANCE = { forward: 2e-4, gradients: 5e-4 };

/** Another library: in a process that computes a form, or in this one. */
export type Rival = AttentionPeer | ProcessRival;

/** A process that computes a form of attention. */
interface ProcessRival extends NamedPeer {
  readonly form: "full" | "chunkwise" | "recurrent" | "softmax";
  /** @default true */
  readonly hasGradients?: boolean;
}

/** Which attention to time, and beside whom. */
export interface AttentionChoice {
  readonly backend: BackendName;
  readonly pass: Pass;
  readonly variant: Variant;
  readonly length: number;
  readonly heads: number;
  readonly threads: number;
  /** Quadratic contenders are left out beyond this. @default none */
  readonly longestQuadratic?: number;
  /** Other libraries. @default none */
  readonly rivals?: readonly Rival[];
  /**
   * Names of our contenders; with sizes, such as "chunkwise, 32", of chunks that
   * a form is asked for. @default all that are not too slow at this length
   */
  readonly only?: readonly string[];
  /** Is told whom the backend cannot run, and why. @default the console */
  readonly onRefused?: (name: string, why: string) => void;
}

/** All contenders of a choice. */
export function attentionGroup(choice: AttentionChoice): Group {
  return { open: () => open(choice) };
}

async function open(choice: AttentionChoice): Promise<OpenGroup> {
  const { backend, pass, variant, heads, length, rivals = [] } = choice;
  await startBackend(backend, choice.threads);
  const problem = problemOf(variant, heads, length);
  const arrays = attentionInputs(problem);
  const placed = placeInputs({ inputs: () => arrays, dy: () => problem.dy });
  const asked = { problem, placed, pass };
  const expected = referenceOf(problem, pass);
  const check = (result: AttentionResult, tolerance?: typeof PEER_TOLERANCE) =>
    wrongIn(result, expected, TOGETHER, tolerance);
  const {
    only = defaultNames(choice),
    onRefused = (name, why) =>
      console.warn(`${name} is left out at ${length} tokens: ${why}`),
  } = choice;
  const make = (name: string): Contender => {
    if (name === SOFTMAX || name === PLAIN_SOFTMAX) {
      return softmaxContender(asked, name === SOFTMAX);
    }
    if (name !== LOOP) return formContender(name, asked, check);
    return {
      name,
      check: () => Promise.resolve(check(attentionLoop(problem, pass))),
      run: () => stopwatch(() => void attentionLoop(problem, pass)),
      cost: costOf(asked, { form: "recurrent" }),
    };
  };
  const contenders = only.flatMap((name): Contender[] => {
    try {
      return [make(name)];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      onRefused(name, error.message);
      return [];
    }
  });
  const dy: Shaped = [arrays["v"]![0], problem.dy];
  const toRelease: { release(): Promise<void> }[] = [];
  const join = async (rival: Rival): Promise<Contender> => {
    if ("prepare" in rival) {
      const prepared = await rival.prepare(problem, pass);
      toRelease.push(prepared);
      return {
        ...{ name: rival.name, isPeer: true, pause: rest },
        check: async () => check(await prepared.results(), PEER_TOLERANCE),
        run: () => stopwatch(() => prepared.run()),
      };
    }
    const { peer, form, hasGradients = true } = rival;
    if (pass !== "forward" && !hasGradients) {
      throw new RangeError("its operator has no gradient");
    }
    const isSoftmax = form === "softmax";
    toRelease.push(peer);
    await peer.prepare({
      work: "attention",
      options: { pass, form },
      tensors: Object.entries({ ...arrays, dy })
        // Softmax has no decay; PyTorch would take it for a mask.
        .filter(([name]) => !isSoftmax || name !== "logDecay")
        .map(([name, [shape, values]]) => ({ name, shape, values })),
    });
    return peerContender(
      rival,
      once((result) =>
        isSoftmax
          ? softmaxDifference(problem, result)
          : check(result, PEER_TOLERANCE)
      ),
      costOf(asked, {
        ...{ form: isSoftmax ? "full" : form, chunkSize: 64, kernel: false },
      }),
    );
  };
  for (const rival of rivals) {
    try {
      contenders.push(await join(rival));
    } catch (error) {
      onRefused(rival.name, String((error as Error).message).split("\n")[0]!);
    }
  }
  return {
    contenders,
    baseline: baselineOf(contenders.map(({ name }) => name)),
    close: async () => {
      placed.dispose();
      for (const one of toRelease) await one.release();
    },
  };
}

/** Whom the others are compared with: the full form, or else the loop. */
export function baselineOf(names: readonly string[]): string {
  return ["full", LOOP].find((name) => names.includes(name)) ?? names[0] ?? "";
}

/** Our contenders that a length is not too long for. */
export function defaultNames(
  { backend, variant, length, longestQuadratic = Infinity }: Pick<
    AttentionChoice,
    "backend" | "variant" | "length" | "longestQuadratic"
  >,
): string[] {
  const runs = (contender: Form | "softmax") =>
    length <= LONGEST[contender][backend] &&
    (contender === "chunkwise" || contender === "recurrent" ||
      length <= longestQuadratic);
  // Softmax has no decay: once is enough. Its scores fit where those of full do.
  const softmax = variant === "lit" && runs("full") && runs("softmax")
    ? backend === "cpu" ? [PLAIN_SOFTMAX] : [SOFTMAX, PLAIN_SOFTMAX]
    : [];
  return [...FORMS.filter(runs), ...softmax, LOOP];
}

/** A problem whose tensors all contenders share, and what is asked of it. */
interface Asked {
  readonly problem: AttentionProblem;
  readonly placed: PlacedInputs;
  readonly pass: Pass;
}

/** A form, with the tokens of a chunk after a comma if they are chosen. */
function formContender(
  name: string,
  asked: Asked,
  check: (result: AttentionResult) => string | null,
): Contender {
  const [form, size] = name === PLAIN_FULL
    ? ["full"] as const
    : name.split(", ") as [Form, string?];
  const choice = {
    ...{ form, epsilon: EPSILON },
    ...(size && { chunkSize: Number(size) }),
    ...(name === PLAIN_FULL && { kernel: false }),
  };
  const { problem, placed, pass } = asked;
  const operation = formOperation(problem.variant, () => problem, choice);
  const open = openOperation(operation, LIBRARY, pass, placed);
  const { kernel, reason } = planOf(asked, choice);
  return tensorContender(name, () => open.run(), once((y) => check(y)), {
    cost: costOf(asked, choice),
    how: kernel ? `${kernel}: ${reason}` : reason,
  });
}

function planOf(
  { problem: { variant }, placed: { inputs } }: Asked,
  options: LionAttentionOptions,
) {
  const { q, k, v, logDecay } = inputs as Record<string, tf.Tensor4D>;
  const decay = decayOf(LIBRARY, variant, logDecay);
  return explainAttention(q!, k!, v!, { decay, ...options });
}

/** With gradients all counts as three times the forward pass, its usual share. */
function costOf(asked: Asked, options: LionAttentionOptions): Cost {
  const { operations, bytes, peakBytes } = planOf(asked, options);
  return asked.pass === "forward"
    ? { operations, bytes, peakBytes }
    : { operations: 3 * operations, bytes: 3 * bytes };
}

function softmaxContender(asked: Asked, kernel: boolean): Contender {
  const { problem, placed, pass } = asked;
  const { logDecay: _, ...inputs } = placed.inputs;
  const open = openOperation(
    softmaxOperation(() => problem, { kernel }),
    ...[LIBRARY, pass, { ...placed, inputs }] as const,
  );
  return tensorContender(
    kernel ? SOFTMAX : PLAIN_SOFTMAX,
    () => open.run(),
    once((result) => softmaxDifference(problem, result)),
    {
      // Its products are those of the full form without a mask.
      cost: costOf(asked, { form: "full", kernel, decay: noDecay() }),
    },
  );
}

/** What is wrong with some rows of softmax attention. */
function softmaxDifference(
  problem: AttentionProblem,
  [y, dq]: AttentionResult,
): string | null {
  return softmaxRows(problem).reduce<string | null>(
    (wrong, { at, ...row }) => {
      const part = (array: Float32Array) => array.subarray(at, at + HEAD_DIM);
      return wrong ?? difference("y", [[part(y!), row.y]], 1e-4) ??
        (dq ? difference("dq", [[part(dq), row.dq]], 1e-3) : null);
    },
    null,
  );
}

const references = new Map<string, AttentionResult>();

/** Computed once for all backends. */
function referenceOf(problem: AttentionProblem, pass: Pass): AttentionResult {
  const { variant, heads, length } = problem;
  const key = `${variant} ${heads} ${length} ${pass}`;
  const reference = references.get(key) ?? attentionLoop(problem, pass);
  references.set(key, reference);
  return reference;
}
