/** The graph of a file, from the recorded kernels of a program. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { Step, View } from "@lionjs/tfjs/record";
import type { AttentionStyle } from "./attention/style.ts";
import type {
  Dimension,
  ElementType,
  Graph,
  ValueInfo,
  Values,
} from "./graph.ts";
import { GraphBuilder, type Value } from "./graph_builder.ts";
import { BATCH, LENGTH, type Program, type ProgramInput } from "./program.ts";
import type { Run } from "./record.ts";
import { RULES } from "./rules/mod.ts";
import type { KernelCall } from "./rules/rule.ts";
import { type Size, sizeOf } from "./sizes.ts";

/**
 * Writes a program's graph.
 *
 * @param runs Its recordings, whose tensors are still there.
 * @returns The builder with the graph, all of whose constants have been read; weights are
 * read when they are written.
 * @throws {TypeError} If a kernel has no rule.
 */
export async function lower(
  program: Program,
  runs: readonly Run[],
  style: AttentionStyle,
): Promise<{ readonly builder: GraphBuilder; readonly graph: Graph }> {
  const constants = await constantsOf(runs);
  return new Lowering(program, runs, style, constants).run();
}

/** The values of what each run made of values, or found made, by slot. */
type Constants = readonly ReadonlyMap<number, tf.BackendValues>[];

async function constantsOf(runs: readonly Run[]): Promise<Constants> {
  return await Promise.all(
    runs.map(async ({ trace: { sources, held } }) => {
      const values = new Map<number, tf.BackendValues>();
      for (const [slot, source] of sources) {
        if (source.kind === "constant") values.set(slot, source.values);
        if (source.kind === "tensor") {
          values.set(slot, await held.get(slot)!.data());
        }
      }
      return values;
    }),
  );
}

class Lowering {
  readonly #program: Program;
  readonly #runs: readonly Run[];
  readonly #style: AttentionStyle;
  readonly #constants: Constants;
  readonly #graph = new GraphBuilder();
  /** Values by the data that they are, and the shape and type that these are read as. */
  readonly #values = new Map<string, Value>();
  /** A value of each slot. */
  readonly #ofSlots = new Map<number, { value: Value; view: string }>();
  readonly #sizes = new Map<string, Value>();
  #batch: Value | undefined;
  #length: Value | undefined;

  constructor(
    program: Program,
    runs: readonly Run[],
    style: AttentionStyle,
    constants: Constants,
  ) {
    this.#program = program;
    this.#runs = runs;
    this.#style = style;
    this.#constants = constants;
  }

  run(): { readonly builder: GraphBuilder; readonly graph: Graph } {
    const inputs = this.#program.inputs.map((input, i) =>
      this.#addInput(input, i)
    );
    const steps = this.#first.trace.steps;
    const needed = this.#neededSteps();
    for (const i of steps.keys()) if (needed.has(i)) this.#addStep(i);
    const outputs = this.#program.outputs.map((name, i) =>
      this.#addOutput(name, i)
    );
    const graph = this.#graph.graph(this.#program.name, inputs, outputs);
    return { builder: this.#graph, graph };
  }

  get #first(): Run {
    return this.#runs[0]!;
  }

  /** An input of the file, and the value of the model's input that it becomes. */
  #addInput({ name, kind, shape }: ProgramInput, index: number): ValueInfo {
    const graph = this.#graph;
    const isImage = kind === "images", isNumber = kind === "numbers" || isImage;
    const order = isImage ? [0, 3, 1, 2] : shape.map((_, axis) => axis);
    const dimensions = order.map((axis): Dimension => shape[axis]!);
    const batch = dimensions.indexOf(BATCH),
      length = dimensions.indexOf(LENGTH);
    if (batch >= 0) this.#batch ??= graph.size(name, batch);
    if (length >= 0) this.#length ??= graph.size(name, length);
    const value = isImage
      ? graph.transpose(name, [0, 2, 3, 1])
      : isNumber
      ? name
      : graph.cast(name, kind === "mask" ? "float32" : "int32");
    for (const [slot, source] of this.#first.trace.sources) {
      if (source.kind !== "input" || source.index !== index) continue;
      const sizes = this.#runs.map(({ batch, length }) =>
        shape.map((size) =>
          size === BATCH ? batch : size === LENGTH ? length : size
        )
      );
      this.#setValue(
        slot,
        keyOf(slot, sizes, isNumber || kind === "mask" ? "float32" : "int32"),
        value,
      );
    }
    return { name, type: isNumber ? "float32" : "int64", shape: dimensions };
  }

  #setValue(slot: number, view: string, value: Value): void {
    this.#values.set(view, value);
    this.#ofSlots.set(slot, { value, view });
  }

  /** The steps whose results reach an output, by index. */
  #neededSteps(): ReadonlySet<number> {
    const { steps, outputs } = this.#first.trace;
    const slots = new Set(outputs.map(({ slot }) => slot));
    const needed = new Set<number>();
    for (let i = steps.length - 1; i >= 0; i--) {
      const { inputs, outputs } = steps[i]!;
      if (!outputs.some(({ slot }) => slots.has(slot))) continue;
      needed.add(i);
      for (const [, view] of inputs) if (view) slots.add(view.slot);
    }
    return needed;
  }

  #addStep(index: number): void {
    const steps = this.#runs.map(({ trace }) => trace.steps[index]!);
    const [step] = steps as [Step];
    const { name, run, outputs } = step;
    if ("code" in run) {
      throw new TypeError(
        `${this.#program.name} should depend on its inputs alone to be written as ONNX, ` +
          "but it draws random numbers",
      );
    }
    const rule = Object.hasOwn(RULES, name) ? RULES[name]! : undefined;
    if (!rule) {
      throw new TypeError(
        `${this.#program.name} runs the kernel ${name}, which has no rule that writes it as ` +
          "ONNX; use other operations in the model",
      );
    }
    const results = [rule(this.#callOf(steps))].flat() as (Value | undefined)[];
    for (const [i, { slot }] of outputs.entries()) {
      const value = results[i];
      if (value === undefined) continue;
      const views = steps.map(({ outputs }) => outputs[i]!);
      this.#setValue(slot, viewKey(views), value);
    }
  }

  #callOf(steps: readonly Step[]): KernelCall {
    const [{ name, inputs, outputs }] = steps as [Step];
    const given = inputs.flatMap(([input, view], i) =>
      view ? [{ input, views: steps.map(({ inputs }) => inputs[i]![1]!) }] : []
    );
    const sizes = (what: string, shapes: readonly (readonly number[])[]) =>
      shapes[0]!.map((_, axis) =>
        this.#sizeOf(
          `axis ${axis} of ${name}'s ${what}`,
          shapes.map((shape) => shape[axis]!),
        )
      );
    const shapesOf = (views: readonly View[]) =>
      views.map(({ shape }) => shape);
    return {
      graph: this.#graph,
      kernel: name,
      inputs: Object.fromEntries(
        given.map(({ input, views }) =>
          [input, this.#valueOf(name, input, views)] as const
        ),
      ),
      types: Object.fromEntries(
        given.map(({ input, views }) => [input, typeOf(views[0]!)] as const),
      ),
      outputTypes: outputs.map(typeOf),
      style: this.#style,
      shapeOf: (input) => {
        const { views } = given.find((each) => each.input === input)!;
        return sizes(input, shapesOf(views));
      },
      outputShape: (index = 0) =>
        sizes("result", shapesOf(steps.map(({ outputs }) => outputs[index]!))),
      attribute: (attribute) =>
        this.#merged(
          `${name}'s ${attribute}`,
          steps.map(({ attributes }) => attributes?.[attribute]),
        ),
      list: (sizes) => this.#list(sizes),
    };
  }

  /** A value of each run as one, whose numbers are sizes. */
  #merged(what: string, values: readonly unknown[]): unknown {
    const [first] = values;
    if (typeof first === "number") {
      return this.#sizeOf(what, values as readonly number[]);
    }
    if (Array.isArray(first)) {
      const lists = values as readonly (readonly unknown[])[];
      return first.map((_, i) =>
        this.#merged(what, lists.map((list) => list[i]))
      );
    }
    return first;
  }

  #sizeOf(what: string, values: readonly number[]): Size {
    const size = sizeOf(values, this.#runs);
    if (size !== undefined) return size;
    const runs = this.#runs.map(({ batch, length }) => `${batch} of ${length}`);
    throw new TypeError(
      `${what} should be a multiple of the batch or the length, or a constant more, to be ` +
        `written as ONNX, got ${values.join(", ")} for ${
          runs.join(", ")
        } tokens`,
    );
  }

  #list(sizes: readonly Size[]): Value {
    const isFixed = (size: Size): size is number => typeof size === "number";
    if (sizes.every(isFixed)) return this.#graph.integers(...sizes);
    return this.#graph.concat(sizes.map((size) => this.#size(size)), 0);
  }

  #size(size: Size): Value {
    const graph = this.#graph;
    if (typeof size === "number") return graph.integers(size);
    const key = JSON.stringify(size), known = this.#sizes.get(key);
    if (known !== undefined) return known;
    const { factor, batch, length, offset } = size;
    const units = [batch ? this.#batch! : [], length ? this.#length! : []]
      .flat();
    let value = units.reduce((product, unit) => graph.multiply(product, unit));
    if (factor !== 1) value = graph.multiply(value, graph.integers(factor));
    if (offset !== 0) value = graph.add(value, graph.integers(offset));
    this.#sizes.set(key, value);
    return value;
  }

  /** The value that a step reads. */
  #valueOf(kernel: string, input: string, views: readonly View[]): Value {
    const key = viewKey(views), [view] = views as [View];
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const ofSlot = this.#ofSlots.get(view.slot);
    const value = ofSlot
      ? this.#reshaped(ofSlot.value, `${kernel}'s ${input}`, views)
      : this.#sourceOf(kernel, input, views);
    this.#setValue(view.slot, key, value);
    return value;
  }

  #reshaped(value: Value, what: string, views: readonly View[]): Value {
    const shape = views[0]!.shape.map((_, axis) =>
      this.#sizeOf(what, views.map(({ shape }) => shape[axis]!))
    );
    return this.#graph.reshapeTo(value, this.#list(shape));
  }

  /** The value of data that no step has made. */
  #sourceOf(kernel: string, input: string, views: readonly View[]): Value {
    const { slot, shape } = views[0]!;
    const source = this.#first.trace.sources.get(slot);
    if (source?.kind === "variable" || source?.kind === "shared") {
      const variable = source.kind === "variable"
        ? source.variable
        : source.variables[0]!;
      const own = this.#weight(variable);
      return sameShape(variable.shape, shape)
        ? own
        : this.#graph.reshape(own, ...shape);
    }
    if (source?.kind === "constant" || source?.kind === "tensor") {
      return this.#constant(kernel, input, views);
    }
    throw new TypeError(
      `${this.#program.name} reads ${kernel}'s ${input}, which has no rule that writes it ` +
        "as ONNX; use other operations in the model",
    );
  }

  readonly #weights = new Map<tf.Variable, Value>();

  #weight(variable: tf.Variable): Value {
    const known = this.#weights.get(variable);
    if (known !== undefined) return known;
    const type = typeOf(variable);
    const name = this.#graph.initializer({
      name: this.#program.weights.get(variable) ?? variable.name,
      ...{ type, shape: [...variable.shape], isWeight: true },
      load: async () => valuesOf(type, await variable.data()),
    });
    this.#weights.set(variable, name);
    return name;
  }

  /** A tensor made of values, if it is one for every batch and length. */
  #constant(kernel: string, input: string, views: readonly View[]): Value {
    const graph = this.#graph, [{ slot, shape }] = views as [View];
    const type = typeOf(views[0]!);
    const each = this.#constants.map((values) =>
      valuesOf(type, values.get(slot)!)
    );
    const [values] = each as [Values];
    const isSame = views.every((view, i) =>
      sameShape(view.shape, shape) && sameValues(values, each[i]!)
    );
    if (isSame) return graph.constant(type, shape, values);
    const sizes = () =>
      this.#list(
        shape.map((_, axis) =>
          this.#sizeOf(
            `${kernel}'s ${input}`,
            views.map(({ shape }) => shape[axis]!),
          )
        ),
      );
    const one = values.slice(0, 1);
    const areOne = each.every((values) =>
      [...values].every((value) => Object.is(value, one[0]))
    );
    if (areOne) return graph.broadcast(graph.constant(type, [], one), sizes());
    const areUnits = views.every((view, i) => isUnit(view.shape, each[i]!));
    if (areUnits) {
      const zeros = graph.zeros(sizes());
      return graph.cast(graph.node("EyeLike", [zeros]), type);
    }
    throw new TypeError(
      `${kernel}'s ${input} should not be made of values that depend on the length, to be ` +
        "written as ONNX; compute it by operations such as tf.range",
    );
  }

  #addOutput(name: string, index: number): ValueInfo {
    const views = this.#runs.map(({ trace }) => trace.outputs[index]!);
    const value = this.#valueOf(this.#program.name, name, views);
    this.#graph.nodeOf("Identity", [value], { outputs: [name] });
    const [view] = views as [View];
    const shape = view.shape.map((_, axis) =>
      dimensionOf(
        this.#sizeOf(
          `axis ${axis} of ${name}`,
          views.map(({ shape }) => shape[axis]!),
        ),
      )
    );
    return { name, type: typeOf(view), shape };
  }
}

/** A size as the name of an axis, or its number. */
function dimensionOf(size: Size): Dimension {
  if (typeof size === "number") return size;
  const { factor, batch, length, offset } = size;
  const units = [batch ? BATCH : [], length ? LENGTH : []].flat();
  const product = [...factor === 1 ? [] : [`${factor}`], ...units].join(" * ");
  return offset === 0 ? product : `${product} + ${offset}`;
}

/** The name of data read in a shape and a type. */
function keyOf(
  slot: number,
  shapes: readonly (readonly number[])[],
  type: ElementType,
): string {
  return `${slot} ${type} ${shapes.map((shape) => `[${shape}]`).join(" ")}`;
}

function viewKey(views: readonly View[]): string {
  const [view] = views as [View];
  return keyOf(view.slot, views.map(({ shape }) => shape), typeOf(view));
}

function typeOf({ dtype }: { readonly dtype: tf.DataType }): ElementType {
  return dtype === "int32" || dtype === "bool" ? dtype : "float32";
}

/** Values of a tensor in the type that an initializer of its own type has. */
function valuesOf(type: ElementType, values: tf.BackendValues): Values {
  const numbers = values as ArrayLike<number>;
  switch (type) {
    case "int32":
      return Int32Array.from(numbers);
    case "bool":
      return Uint8Array.from(numbers);
  }
  return Float32Array.from(numbers);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function sameValues(a: Values, b: Values): boolean {
  return a.length === b.length &&
    a.every((value: unknown, i: number) => Object.is(value, b[i]));
}

/** Whether values are those of an identity matrix. */
function isUnit(shape: readonly number[], values: Values): boolean {
  const [rows, columns] = shape;
  return shape.length === 2 && rows === columns &&
    [...values].every((value, i) =>
      Number(value) === Number(i % (rows! + 1) === 0)
    );
}
