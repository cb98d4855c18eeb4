/**
 * Extensions of tfjs's tape, the record from which it computes gradients.
 *
 * Importing this makes tfjs dispose of recorded tensors when a function throws
 * while its gradients are computed. On its own, tfjs leaks what its tape has
 * saved, for any loss: in `train`, `model.fit` or `tf.grad`.
 *
 * It also lets a gradient function compute other gradients: on its own, tfjs
 * loses the tape that it is reading. So a part of a computation can be computed
 * again for its gradient ({@linkcode computedAgain}).
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { assertNotDisposed, assertShape } from "./shape.ts";

/** Keeps tensors until the gradient is computed. */
type Save = (tensors: tf.Tensor[]) => void;

/** An entry of tfjs's tape. */
interface TapeNode {
  readonly kernelName: string;
  readonly inputs: tf.NamedTensorMap;
  readonly outputs: readonly tf.Tensor[];
  readonly saved: readonly tf.Tensor[];
  /** Called on a copy of the node whose inputs are those that need a gradient. */
  gradient(
    this: Pick<TapeNode, "inputs">,
    dys: (tf.Tensor | null)[],
  ): Record<string, () => tf.Tensor>;
}

/** tfjs's engine, with undeclared members. */
interface Engine {
  readonly state: {
    readonly gradientDepth: number;
    readonly kernelDepth: number;
    activeTape: TapeNode[] | null;
  };
  keep(tensor: tf.Tensor): tf.Tensor;
  nextTensorId(): number;
  startTape(): void;
  endTape(): void;
  runKernelFunc(run: {
    readonly inputs: tf.NamedTensorMap;
    forwardFunc(backend: unknown, save: Save): tf.Tensor[];
    backwardsFunc(
      dy: tf.Tensor | tf.Tensor[],
      saved: tf.Tensor[],
    ): Record<string, () => tf.Tensor>;
  }): tf.Tensor[];
  gradients:
    & ((
      f: () => tf.Tensor,
      xs: readonly tf.Tensor[],
      dy?: tf.Tensor,
      allowNoGradients?: boolean,
    ) => { value: tf.Tensor; grads: tf.Tensor[] })
    & { freesTape?: true };
}

const engine = tf.engine() as unknown as Engine;
const { gradients } = engine;
if (!gradients.freesTape) {
  engine.gradients = Object.assign(
    (...args: Parameters<typeof gradients>) =>
      freeingTape(() => gradients.apply(engine, args)),
    { freesTape: true as const },
  );
}

/** Whether operations are being recorded for a gradient. */
export function isRecording(): boolean {
  return engine.state.gradientDepth > 0 && engine.state.kernelDepth === 0;
}

/**
 * Runs a function with a custom gradient, like `tf.customGrad`, but with
 * several outputs.
 *
 * @param inputs The differentiable inputs.
 * @param forward Computes the outputs, and saves tensors for the gradient.
 * @param backward Computes the inputs' gradients from those of all outputs and
 * the saved tensors.
 * @returns The outputs.
 */
export function runAsOne(
  inputs: tf.NamedTensorMap,
  forward: (save: Save) => tf.Tensor[],
  backward: (dys: tf.Tensor[], saved: tf.Tensor[]) => tf.NamedTensorMap,
): tf.Tensor[] {
  return engine.runKernelFunc({
    inputs,
    forwardFunc: (_, save) => forward(save),
    backwardsFunc: (dy, saved) => {
      const gradients = backward(Array.isArray(dy) ? dy : [dy], saved);
      return Object.fromEntries(
        Object.entries(gradients).map(([name, x]) => [name, () => x]),
      );
    },
  });
}

/**
 * Runs a function whose gradient computes it again, instead of keeping what it
 * has computed on the way. Gradients reach all that it reads, variables and
 * other tensors too; its result and they are those of the function itself.
 *
 * The first run is recorded as well, and then forgotten: some operations run
 * other kernels where nothing is recorded, and these round differently.
 *
 * Source: Chen et al. 2016 (arXiv:1604.06174).
 *
 * @param inputs The tensors that the function gets, which are kept until then.
 * @param run Always computes the same, of its inputs and of tensors that exist
 * until the gradient is computed. Where its result is not read, only its gradients
 * have to be those of the same.
 * @returns What `run` returns.
 */
export function computedAgain<T extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  run: (inputs: readonly tf.Tensor[], isRead: boolean) => T,
): T {
  if (!isRecording()) return run(inputs, true);
  const tape = engine.state.activeTape!;
  const begin = tape.length, firstId = engine.nextTensorId();
  const y = tf.tidy(() => run(inputs, true));
  const nodes = tape.splice(begin);
  tf.dispose(nodes.flatMap(({ saved }) => saved));
  const read = readBy(nodes, y);
  if (read.includes(y)) return y;
  const names = read.map((x, i) => [`${i}`, x] as const);
  const [value] = runAsOne(Object.fromEntries(names), (save) => {
    save([...inputs]);
    return [tf.clone(y)];
  }, () => ({}));
  y.dispose();
  const node = tape.at(-1)!;
  const others = read.filter((x) => x.id < firstId && !inputs.includes(x));
  node.gradient = function ([dy]) {
    for (const x of others) {
      assertNotDisposed("what a block with recompute: true reads", x);
    }
    // Nothing is computed for weights that do not train.
    const names = Object.keys(this.inputs);
    const xs = names.map((name) => {
      const x = this.inputs[name]!;
      return node.saved[inputs.indexOf(x)] ?? x;
    });
    // A gradient of this gradient needs all of the tape.
    const isLast = engine.state.gradientDepth === 0;
    const again = () => run(node.saved, !isLast);
    const gradients = isLast
      ? releasingGradients(again, xs, dy!)
      : engine.gradients(again, xs, dy!).grads;
    if (isLast) tf.dispose([...node.saved]);
    return Object.fromEntries(
      names.map((name, i) => [name, () => gradients[i]!]),
    );
  };
  return value as T;
}

/**
 * Computes gradients like `tf.grads`, and releases what was kept for an operation,
 * and the gradient of its result, once it is through: tfjs keeps all to the end.
 */
function releasingGradients(
  run: () => tf.Tensor,
  xs: readonly tf.Tensor[],
  dy: tf.Tensor,
): tf.Tensor[] {
  return freeingTape(() =>
    tf.tidy(() => {
      engine.startTape();
      let y: tf.Tensor;
      try {
        y = tf.tidy(run);
      } finally {
        engine.endTape();
      }
      y.dispose();
      const gradients = new Map([[y.id, dy]]);
      for (const node of nodesBetween(xs, y, engine.state.activeTape!)) {
        const dys = node.outputs.map(({ id }) => gradients.get(id) ?? null);
        for (const { id } of node.outputs) gradients.delete(id);
        const through = [...dys, ...node.saved];
        for (const [{ id }, dx] of gradientsOf(node, dys)) {
          const sum = gradients.get(id);
          gradients.set(id, sum ? tf.add(sum, dx) : dx);
          if (sum) through.push(sum, dx);
        }
        // The same tensor may be the gradient of several.
        const needed = new Set([dy, ...gradients.values()]);
        for (const tensor of through) {
          if (tensor && !needed.has(tensor)) tensor.dispose();
        }
      }
      return xs.map(({ id }) => gradients.get(id)!);
    })
  );
}

/** The gradients of a node's inputs, given those of its outputs. */
function gradientsOf(
  node: TapeNode,
  dys: (tf.Tensor | null)[],
): [tf.Tensor, tf.Tensor][] {
  return tf.tidy(() => {
    const computed = node.gradient(dys);
    return Object.entries(node.inputs).map(([name, x]) => {
      const dx = computed[name]!();
      const owner = `gradient of ${node.kernelName}'s input ${name}`;
      assertShape(owner, dx, x.shape, "its shape");
      return [x, dx];
    });
  });
}

/**
 * The nodes through which a result depends on `xs`, from the last to the first,
 * with only those inputs that do; what the others keep is released.
 */
function nodesBetween(
  xs: readonly tf.Tensor[],
  y: tf.Tensor,
  tape: readonly TapeNode[],
): TapeNode[] {
  const after = new Set(xs.map(({ id }) => id));
  const reached = tape.map((node) => {
    const inputs = Object.entries(node.inputs)
      .filter(([, { id }]) => after.has(id));
    if (inputs.length > 0) node.outputs.forEach(({ id }) => after.add(id));
    return { ...node, inputs: Object.fromEntries(inputs) };
  });
  const before = new Set([y.id]);
  return reached.toReversed().filter(({ inputs, outputs, saved }) => {
    const ids = Object.values(inputs).map(({ id }) => id);
    const isBetween = ids.length > 0 &&
      outputs.some(({ id }) => before.has(id));
    if (isBetween) ids.forEach((id) => before.add(id));
    else tf.dispose([...saved]);
    return isBetween;
  });
}

/** The tensors that a result depends on, and that were there before these nodes. */
function readBy(nodes: readonly TapeNode[], y: tf.Tensor): tf.Tensor[] {
  const read = new Map([[y.id, y]]);
  for (const { inputs, outputs } of nodes.toReversed()) {
    if (!outputs.some(({ id }) => read.has(id))) continue;
    for (const { id } of outputs) read.delete(id);
    for (const x of Object.values(inputs)) read.set(x.id, x);
  }
  return [...read.values()];
}

function freeingTape<T>(run: () => T): T {
  const { state, keep } = engine;
  const outermost = state.gradientDepth === 0;
  const tape = state.activeTape;
  const saved: tf.Tensor[] = [];
  engine.keep = (tensor) => {
    // Outside of kernels, saved tensors must be kept by the caller.
    if (state.kernelDepth > 0) saved.push(tensor);
    return keep.call(engine, tensor);
  };
  try {
    return run();
  } catch (error) {
    tf.dispose(saved);
    throw error;
  } finally {
    engine.keep = keep;
    if (outermost) state.activeTape = tape;
  }
}
