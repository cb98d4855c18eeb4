/**
 * Gradients from tfjs's tape, as tfjs computes them, but in less memory: what an
 * operation has saved, and the gradients of its outputs, go when its own gradient has
 * been computed, and not all together at the end. Nor are all weights looked at for each
 * input of each operation, as tfjs does.
 *
 * A gradient function that gives a tensor it has made to several operations, not to
 * several inputs of one, has to `tf.keep` it.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** An entry of tfjs's tape. */
export interface TapeNode {
  /** The operation's name. */
  readonly kernelName: string;
  readonly inputs: tf.NamedTensorMap;
  readonly outputs: readonly tf.Tensor[];
  /** Tensors that the operation keeps for its gradient. */
  readonly saved?: readonly tf.Tensor[] | null | undefined;
  /**
   * The index of an output whose gradient the operation adds up from two parts, which saves a
   * pass where two operations read the output; the second comes after the gradients of
   * all outputs. @default none
   */
  inParts?: number | undefined;
  /**
   * Whether it is the copy of a result that an operation has saved, which tfjs records before
   * the operation itself. @default false
   */
  isOfLater?: boolean;
  /**
   * The operation's gradient function; none if the operation has none. It is called on a copy
   * of the node whose inputs are those that need a gradient.
   */
  gradient?:
    | ((
      this: Pick<TapeNode, "inputs">,
      dys: (tf.Tensor | null)[],
    ) => Record<string, () => tf.Tensor>)
    | undefined;
}

/** The part of tfjs's engine that is used here. */
export interface GradientEngine {
  readonly state: {
    /** How many gradients are being recorded, one within the other. */
    readonly gradientDepth: number;
    /** The operations that have been recorded, in order. */
    activeTape: TapeNode[] | null;
  };
  /** A number above those of all tensors. */
  nextTensorId(): number;
  /** Begins a recording. */
  startTape(): void;
  /** Ends the recording that began last. */
  endTape(): void;
}

/**
 * Computes a value and its gradients.
 *
 * @param dy The gradient of the value. @default ones
 * @param allowNoGradients Whether the value may depend on none of the tensors.
 * @throws {Error} If it depends on none, or an operation has no gradient, or a wrong one.
 */
export function gradientsOf(
  engine: GradientEngine,
  f: () => tf.Tensor,
  xs: readonly tf.Tensor[],
  dy?: tf.Tensor | null,
  allowNoGradients = false,
): { value: tf.Tensor; grads: tf.Tensor[] } {
  tf.util.assert(
    xs.length > 0,
    () => "gradients() received an empty list of xs.",
  );
  if (dy != null && dy.dtype !== "float32") {
    throw new Error(`dy must have 'float32' dtype, but has '${dy.dtype}'`);
  }
  const { state } = engine;
  engine.startTape();
  let y: tf.Tensor;
  try {
    y = tf.tidy("forward", f);
  } finally {
    engine.endTape();
  }
  tf.util.assert(
    y instanceof tf.Tensor,
    () => "The result y returned by f() must be a tensor.",
  );
  const tape = state.activeTape!;
  const path = pathOf(tape, xs, y);
  if (!allowNoGradients && path.length === 0) {
    throw new Error(
      "Cannot compute gradient of y=f(x) with respect to x. Make sure that the f " +
        "you passed encloses all operations that lead from x to y.",
    );
  }
  return tf.tidy("backward", () => {
    const isLast = state.gradientDepth === 0;
    const gradients = new Gradients(engine, xs, path, isLast);
    if (isLast) {
      // Operations also save tensors that no gradient needs.
      const needed = new Set(path.map(({ saved }) => saved));
      for (const { saved } of tape) {
        if (saved && !needed.has(saved)) tf.dispose([...saved]);
      }
    }
    gradients.set(y, dy ?? tf.ones(y.shape));
    for (const node of path) gradients.pass(node);
    if (isLast) state.activeTape = null;
    return { value: y, grads: xs.map((x) => gradients.get(x)!) };
  }) as { value: tf.Tensor; grads: tf.Tensor[] };
}

/** The nodes on the way back from y to some tensors, with those inputs that depend on these. */
function pathOf(
  tape: readonly TapeNode[],
  xs: readonly tf.Tensor[],
  y: tf.Tensor,
): TapeNode[] {
  const fromX = new Set(xs.map(({ id }) => id));
  const nodes: TapeNode[] = [];
  const waiting = new Map<number, TapeNode[]>();
  const visit = (node: TapeNode) => {
    const { inputs, outputs, isOfLater } = node;
    if (readsSome(inputs, fromX)) {
      if (isConstant(node)) return;
      nodes.push(node);
      for (const { id } of outputs) {
        fromX.add(id);
        waiting.get(id)?.forEach(visit);
      }
    } else if (isOfLater) {
      const [{ id }] = Object.values(inputs) as [tf.Tensor];
      waiting.set(id, [...waiting.get(id) ?? [], node]);
    }
  };
  tape.forEach(visit);
  const toY = new Set([y.id]);
  const path: TapeNode[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (!node.outputs.some(({ id }) => toY.has(id))) continue;
    const inputs: tf.NamedTensorMap = {};
    for (const name in node.inputs) {
      const input = node.inputs[name]!;
      if (!fromX.has(input.id)) continue;
      toY.add(input.id);
      inputs[name] = input;
    }
    const { kernelName, outputs, saved, inParts, gradient } = node;
    path.push({ kernelName, inputs, outputs, saved, inParts, gradient });
  }
  return path;
}

/** Whether nothing flows back through an operation, such as a comparison. */
function isConstant({ gradient, outputs }: TapeNode): boolean {
  return !gradient && outputs.every(({ dtype }) => dtype !== "float32");
}

function readsSome(
  inputs: tf.NamedTensorMap,
  ids: ReadonlySet<number>,
): boolean {
  for (const name in inputs) if (ids.has(inputs[name]!.id)) return true;
  return false;
}

/** The key of a gradient: its tensor, or the second part of that tensor's gradient. */
type Key = Pick<tf.Tensor, "id">;

/** The key of the second part of a tensor's gradient. */
const secondOf = ({ id }: tf.Tensor): Key => ({ id: ~id });

/** The gradients of tensors on the way back. */
class Gradients {
  readonly #values = new Map<number, tf.Tensor>();
  /** How many tensors have a gradient; several tensors may have the same one. */
  readonly #holders = new Map<tf.Tensor, number>();
  /** The tensors whose gradients are asked for. */
  readonly #wanted: ReadonlySet<number>;
  /** The tensors whose gradients may be in two parts. */
  readonly #inParts = new Set<number>();
  /** Tensors from this number on were made on the way back. */
  readonly #first: number;
  /** Whether nothing is recorded, so that what was used is not needed again. */
  readonly #isLast: boolean;

  constructor(
    engine: GradientEngine,
    xs: readonly tf.Tensor[],
    path: readonly TapeNode[],
    isLast: boolean,
  ) {
    this.#wanted = new Set(xs.map(({ id }) => id));
    for (const { outputs, inParts } of path) {
      if (inParts === undefined) continue;
      const { id } = outputs[inParts]!;
      if (!this.#wanted.has(id)) this.#inParts.add(id);
    }
    this.#first = engine.nextTensorId();
    this.#isLast = isLast;
  }

  get({ id }: Key): tf.Tensor | undefined {
    return this.#values.get(id);
  }

  set({ id }: Key, gradient: tf.Tensor): void {
    this.#values.set(id, gradient);
    this.#holders.set(gradient, (this.#holders.get(gradient) ?? 0) + 1);
  }

  #remove({ id }: Key): tf.Tensor | undefined {
    const gradient = this.#values.get(id);
    if (!gradient) return undefined;
    this.#values.delete(id);
    const holders = this.#holders.get(gradient)! - 1;
    if (holders > 0) this.#holders.set(gradient, holders);
    else this.#holders.delete(gradient);
    return gradient;
  }

  /** Computes the gradients of a node's inputs. */
  pass(node: TapeNode): void {
    if (!node.gradient) {
      throw new Error(
        `Cannot compute gradient: gradient function not found for ${node.kernelName}.`,
      );
    }
    const dys = node.outputs.map((output) => this.get(output) ?? null);
    const second = node.inParts !== undefined &&
      this.get(secondOf(node.outputs[node.inParts]!));
    if (second) dys.push(second);
    const computed = node.gradient(dys);
    const used: tf.Tensor[] = [];
    for (const name in node.inputs) {
      const x = node.inputs[name]!, dx = gradientIn(node, name, computed);
      if (this.#inParts.has(x.id) && this.get(x) && !this.get(secondOf(x))) {
        this.set(secondOf(x), dx);
        continue;
      }
      const before = this.#remove(x);
      this.set(x, before ? tf.add(before, dx) : dx);
      // Another input may still get the same one.
      if (before) used.push(before, dx);
    }
    if (!this.#isLast) return;
    for (const output of node.outputs) {
      if (this.#wanted.has(output.id)) continue;
      for (const part of [output, secondOf(output)]) {
        const dy = this.#remove(part);
        if (dy) used.push(dy);
      }
    }
    for (const tensor of used) {
      const isOurs = tensor.id >= this.#first && !tensor.kept;
      if (isOurs && !this.#holders.has(tensor)) tensor.dispose();
    }
    tf.dispose([...node.saved ?? []]);
  }
}

function gradientIn(
  { kernelName, inputs, saved }: TapeNode,
  name: string,
  gradients: Record<string, () => tf.Tensor>,
): tf.Tensor {
  if (!(name in gradients)) {
    throw new Error(
      `Cannot backprop through input ${name}. Available gradients found: ${
        Object.keys(gradients)
      }.`,
    );
  }
  const dx = tf.tidy(() => {
    const dx = gradients[name]!();
    // A saved tensor is disposed of, and the gradient is still used: it must be a copy.
    return saved?.includes(dx) ? tf.clone(dx) : dx;
  });
  if (dx.dtype !== "float32") {
    throw new Error(
      `Error in gradient for op ${kernelName}. The gradient of input ${name} ` +
        `must have 'float32' dtype, but has '${dx.dtype}'`,
    );
  }
  const { shape } = inputs[name]!;
  if (tf.util.arraysEqual(dx.shape, shape)) return dx;
  throw new Error(
    `Error in gradient for op ${kernelName}. The gradient of input '${name}' has ` +
      `shape '${dx.shape}', which does not match the shape of the input '${shape}'`,
  );
}
