/**
 * Custom mixers and decays, and the names under which they are saved.
 *
 * @module
 */
import type { Mixer } from "../mixer.ts";
import type { DecayFunction, LearnedDecay } from "../mixers/lion_decays.ts";
import { shown } from "@lionjs/base";

export type CustomDecay = DecayFunction | LearnedDecay;

/** A register of the custom mixers or decays, by name. */
class Register<T extends object> {
  readonly #named = new Map<string, T>();
  readonly #names = new Map<T, string>();

  /** @param kind The kind of part, which is also the option's name. */
  constructor(
    readonly kind: "mixer" | "decay",
    readonly assert: (part: T) => void,
  ) {}

  get #function(): string {
    return this.kind === "mixer" ? "registerMixer" : "registerDecay";
  }

  add(name: string, part: T): void {
    if (typeof name !== "string" || name === "") {
      throw new TypeError(
        `${this.#function}'s name should be a string that is not empty, got ${
          shown(name)
        }`,
      );
    }
    this.assert(part);
    const there = this.#named.get(name);
    if (there && there !== part) {
      throw new RangeError(
        `${this.#function}'s name should not be taken, got "${name}", which is another ${this.kind}'s`,
      );
    }
    this.#named.set(name, part);
    this.#names.set(part, name);
  }

  /** Returns the part itself, or the one registered under this name. */
  get(given: T | string): T {
    if (typeof given !== "string") return given;
    const part = this.#named.get(given);
    if (part) return part;
    throw new RangeError(
      `${this.kind} "${given}" is not registered: call ${this.#function}(${
        shown(given)
      }, …) before a layer with it is made or loaded`,
    );
  }

  /** Returns the name under which a part of a layer is saved. */
  nameOf(given: T | string, layer: string): string {
    const name = typeof given === "string" ? given : this.#names.get(given);
    if (name !== undefined) return name;
    throw new TypeError(
      `layer ${layer} has a custom ${this.kind} without a name, and cannot be saved: ` +
        `call ${this.#function}("a name", ${this.kind}) before saving it, and before loading it`,
    );
  }
}

const mixers = new Register<Mixer>("mixer", assertMixer);
const decays = new Register<CustomDecay>("decay", assertDecay);

/**
 * Registers a custom mixer under a name. Layers with it are saved and loaded by
 * that name, which the option `mixer` accepts too. Call it before loading such
 * a model.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionBlock, type Mixer, registerMixer } from "@lionjs/lion";
 *
 * const nothing: Mixer = {
 *   parameters: () => [],
 *   apply: (x) => x,
 *   operations: () => 0,
 * };
 * registerMixer("nothing", nothing);
 * assertEquals(lionBlock({ mixer: nothing }).getConfig()["mixer"], "nothing");
 * ```
 *
 * @param name A name that no other mixer has.
 * @param mixer The mixer; it may be registered more than once.
 * @throws {TypeError} If the name is not a string, or the mixer is not a mixer.
 * @throws {RangeError} If the name is another mixer's.
 */
export function registerMixer(name: string, mixer: Mixer): void {
  mixers.add(name, mixer);
}

/**
 * Registers a custom decay under a name. Layers with it are saved and loaded by
 * that name, which the option `decay` accepts too. Call it before loading such
 * a model.
 *
 * @example A decay that does not depend on the tokens
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fixedDecay, lionBlock, registerDecay } from "@lionjs/lion";
 * import { retentionDecay } from "@lionjs/lion/family";
 *
 * const retention = () => fixedDecay(retentionDecay(2));
 * registerDecay("retention", retention);
 * const block = lionBlock({ decay: retention, numHeads: 2 });
 * assertEquals(block.getConfig()["decay"], "retention");
 * ```
 *
 * @param name A name that no other decay has.
 * @param decay The decay; it may be registered more than once.
 * @throws {TypeError} If the name is not a string, or the decay is not a decay.
 * @throws {RangeError} If the name is another decay's.
 */
export function registerDecay(
  name: string,
  decay: DecayFunction | LearnedDecay,
): void {
  decays.add(name, decay);
}

export interface CustomParts {
  mixer?: Mixer | string | undefined;
  decay?: CustomDecay | string | undefined;
}

export function mixerNamed(mixer: Mixer | string): Mixer {
  return mixers.get(mixer);
}

export function decayNamed(decay: CustomDecay | string): CustomDecay {
  return decays.get(decay);
}

/** Throws unless the mixer and the decay, if given, are valid. */
export function assertCustomParts({ mixer, decay }: CustomParts): void {
  if (mixer !== undefined) assertMixer(mixers.get(mixer));
  if (decay !== undefined) assertDecay(decays.get(decay));
}

/**
 * Replaces custom parts in the options of attention by their names, so that
 * they can be saved.
 */
export function savedByName<T extends CustomParts>(
  { mixer, decay, ...others }: T,
  layer: string,
): Omit<T, keyof CustomParts> & { mixer?: string; decay?: string } {
  return {
    ...others,
    ...(mixer === undefined ? {} : { mixer: mixers.nameOf(mixer, layer) }),
    ...(decay === undefined ? {} : { decay: decays.nameOf(decay, layer) }),
  };
}

function assertMixer(mixer: Mixer): void {
  const given = Object(mixer) as Mixer;
  const { parameters, apply, operations } = given;
  const functions = { parameters, apply, operations };
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value !== "function") throw notA("mixer", name, value);
  }
  const { step, cost, passFirst, perceptron } = given;
  const more = { step, cost, passFirst, perceptron };
  for (const [name, value] of Object.entries(more)) {
    if (value !== undefined && typeof value !== "function") {
      throw notA("mixer", name, value);
    }
  }
}

function assertDecay(own: CustomDecay): void {
  if (typeof own === "function") return;
  const { parameters, decay } = Object(own) as LearnedDecay;
  for (const [name, value] of Object.entries({ parameters, decay })) {
    if (typeof value !== "function") throw notA("decay", name, value);
  }
}

function notA(kind: string, name: string, value: unknown): TypeError {
  const meant = kind === "mixer"
    ? "an object of functions"
    : "a function, or an object of functions";
  return new TypeError(
    `${kind} should be ${meant}, got ${typeof value} for its ${name}`,
  );
}
