/** Rules: how kernels that models run are written as operators of ONNX. @module */
import { shown } from "@lionjs/base";
import type { ElementType } from "../graph.ts";
import type { GraphBuilder, Value } from "../graph_builder.ts";
import type { Size } from "../sizes.ts";
import type { AttentionStyle } from "../attention/style.ts";

/** A call of a kernel. */
export interface KernelCall {
  readonly graph: GraphBuilder;
  /** The kernel's name. */
  readonly kernel: string;
  /** The inputs that there are, by their names in the kernel. */
  readonly inputs: Readonly<Record<string, Value>>;
  /** The types of the inputs, by name. */
  readonly types: Readonly<Record<string, ElementType>>;
  /** The types of the outputs. */
  readonly outputTypes: readonly ElementType[];
  readonly style: AttentionStyle;
  /** The shape of an input. */
  shapeOf(input: string): readonly Size[];
  /** The shape of an output. */
  outputShape(index?: number): readonly Size[];
  /** An attribute; numbers in it that differ with the length or the batch are expressions. */
  attribute(name: string): unknown;
  /** Sizes as a list of integers. */
  list(sizes: readonly Size[]): Value;
}

/** Writes the outputs of a kernel, but for those that no model reads. */
export type Rule = (
  call: KernelCall,
) => Value | readonly (Value | undefined)[];

/** The rules of kernels by name. */
export type Rules = Readonly<Record<string, Rule>>;

/** A size that has to be a number. */
export function fixed(
  { kernel }: KernelCall,
  name: string,
  size: unknown,
): number {
  if (typeof size === "number") return size;
  throw new TypeError(
    `${kernel}'s ${name} should not depend on the batch or the length, to be written as ONNX, got ${
      shown(size)
    }`,
  );
}

/** An attribute that has to be a number. */
export function numberOf(call: KernelCall, name: string): number {
  return fixed(call, name, call.attribute(name));
}

/** Whether an attribute is true. */
export function isSet(call: KernelCall, name: string): boolean {
  return call.attribute(name) === true;
}

/** An attribute that is a number or a list of them; `undefined` if there is none. */
export function numbersOf(
  call: KernelCall,
  name: string,
): number[] | undefined {
  const value = call.attribute(name);
  if (value === undefined || value === null) return undefined;
  return [value].flat().map((each) => fixed(call, name, each));
}

/** A function's refusal of an attribute. */
export function refuseAttribute(
  { kernel }: KernelCall,
  name: string,
  value: unknown,
): TypeError {
  return new TypeError(
    `${kernel} with ${name} ${
      shown(value)
    } has no rule that writes it as ONNX; use other operations in the model`,
  );
}
