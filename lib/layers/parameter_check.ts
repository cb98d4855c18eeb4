/** Checks of what a layer, a mixer or a decay says of its parameters. @module */
import type { Parameter } from "./lion_layer.ts";
import { shown } from "../contract/shown.ts";

const LAYOUTS: readonly unknown[] = [undefined, "same", "linear", "patches"];

/**
 * Throws unless each of a layer's parameters can be created.
 *
 * @param layer The layer's name, for messages.
 * @param parameters What the layer says its parameters are.
 * @throws {TypeError} If one lacks a name, a shape or initial values.
 * @throws {RangeError} If two have the same name, or one has unknown initial
 * values or an unknown layout.
 */
export function assertParameters(
  layer: string,
  parameters: readonly Parameter[],
): void {
  const names = new Set<string>();
  for (const given of parameters as readonly unknown[]) {
    const { name, shape, initial, layout } = Object(given) as Parameter;
    if (typeof name !== "string" || name === "") {
      throw new TypeError(
        `parameters of ${layer} should each have a name, got ${shown(given)}`,
      );
    }
    const owner = `parameter ${JSON.stringify(name)} of ${layer}`;
    if (names.has(name)) {
      throw new RangeError(`${owner} should be the only one of that name`);
    }
    names.add(name);
    const sizes: unknown = shape;
    if (
      !Array.isArray(sizes) ||
      !sizes.every((size) => Number.isInteger(size) && size > 0)
    ) {
      throw new TypeError(
        `${owner} should have a shape of positive integers, got ${
          shown(shape)
        }`,
      );
    }
    assertInitial(owner, initial);
    if (!LAYOUTS.includes(layout)) {
      throw new RangeError(
        `${owner} should have the layout "same", "linear" or "patches", got ${
          shown(layout)
        }`,
      );
    }
  }
}

function assertInitial(owner: string, initial: Parameter["initial"]): void {
  if (initial === "zeros" || initial === "ones") return;
  const { deviation, values } = Object(initial);
  if (Number.isFinite(deviation) || typeof values === "function") return;
  const Kind = typeof initial === "string" ? RangeError : TypeError;
  throw new Kind(
    `${owner} should have the initial values "zeros", "ones", { deviation: 0.02 } or { values: (seed) => a tensor }, got ${
      shown(initial)
    }`,
  );
}
