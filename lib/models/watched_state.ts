/**
 * The properties of objects that code reads, to be compared with what they were.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** The most properties that are watched: the first ones, if there are more. */
const MOST_PROPERTIES = 2 ** 16;

/** The most items of an array that are watched; of a longer one, only the identity is. */
const MOST_ITEMS = 1024;

/** The most earlier states that are recognised when they come back. */
const MOST_STATES = 16;

/** An object by the names of its properties, or an array by its indices. */
type Named = Record<string | number, unknown>;

/** A weight of tfjs-layers, with the members by which its variable is read. */
interface Weight {
  readonly val: tf.Variable;
  readonly read: unknown;
}

/** The objects to watch, and how far to follow their properties. */
export interface WatchedObjects {
  /** The objects, or functions with properties, from which watching starts. */
  readonly roots: readonly object[];
  /**
   * Whether the object that a property refers to is watched too, or only its
   * identity.
   */
  readonly follows: (owner: object, name: string, value: object) => boolean;
}

/**
 * The state of some objects and of all that they refer to: the values of own
 * properties, and the methods of classes. Objects that only a closure or a
 * private field refers to are not seen, nor are the entries of maps and sets.
 */
export class WatchedState {
  readonly #objects: WatchedObjects;
  #now: Snapshot;
  #number = 0;
  #numbers = 1;
  /** The numbers of states by their descriptions; the one last seen is at the end. */
  readonly #known = new Map<string, number>();
  /** Numbers by which descriptions name objects and functions. */
  readonly #names = new WeakMap<WeakKey, number>();
  #named = 0;

  /** Takes the first snapshot of the objects. */
  constructor(objects: WatchedObjects) {
    this.#objects = objects;
    this.#now = new Snapshot(objects);
  }

  /** The number of the current state: states that are alike have the same number. */
  get number(): number {
    if (this.#now.isSame) return this.#number;
    this.#remember(this.#number);
    this.#now = new Snapshot(this.#objects);
    this.#number = this.#known.get(this.#describe()) ?? this.#numbers++;
    return this.#number;
  }

  #remember(number: number): void {
    const description = this.#describe();
    this.#known.delete(description);
    this.#known.set(description, number);
    if (this.#known.size <= MOST_STATES) return;
    for (const [oldest] of this.#known) return void this.#known.delete(oldest);
  }

  #describe(): string {
    const words = (value: unknown) => {
      const isObject = typeof value === "object" && value !== null;
      if (isObject || typeof value === "function") return this.#nameOf(value);
      if (typeof value === "string") return JSON.stringify(value);
      return Object.is(value, -0) ? "-0" : `${typeof value} ${String(value)}`;
    };
    return this.#now.all.map(words).join();
  }

  #nameOf(value: WeakKey): string {
    const number = this.#names.get(value) ?? this.#named++;
    this.#names.set(value, number);
    return `#${number}`;
  }
}

/** The values of all properties at one time; each step of a training compares them. */
class Snapshot {
  /** The owner and the name of each value. */
  readonly #owners: Named[] = [];
  readonly #keys: (string | number)[] = [];
  readonly #values: unknown[] = [];
  /** Objects that may get more properties, with how many they have in `#counts`. */
  readonly #open: object[] = [];
  readonly #counts: number[] = [];
  /**
   * Weights are kept separately: they have most of a model's properties, under
   * known names.
   */
  readonly #weights: Weight[] = [];
  readonly #ofWeights: unknown[] = [];
  readonly #variables: tf.Variable[] = [];
  readonly #ofVariables: unknown[] = [];

  constructor({ roots, follows }: WatchedObjects) {
    const seen = new Set(roots);
    // The loop also visits objects that are added to the set while it runs.
    for (const object of seen) {
      if (this.#values.length >= MOST_PROPERTIES) return;
      if (object instanceof tf.Variable) this.#addVariable(object);
      else if (isWeight(object)) {
        this.#weights.push(object);
        this.#ofWeights.push(object.val, object.read);
        seen.add(object.val);
      } else {
        for (const key of keysOf(object)) {
          const property = Object.getOwnPropertyDescriptor(object, key);
          // Accessors are skipped: their values come from other properties.
          if (!property || !("value" in property)) continue;
          const { value } = property;
          this.#owners.push(object as Named);
          this.#keys.push(key);
          this.#values.push(value);
          if (!isWatched(value)) continue;
          if (follows(object, `${key}`, value)) seen.add(value);
        }
        this.#open.push(object);
        this.#counts.push(countOf(object));
        const prototype = Object.getPrototypeOf(object);
        if (isClass(prototype)) seen.add(prototype);
      }
    }
  }

  #addVariable(variable: tf.Variable): void {
    const { id, name, trainable, dtype, shape, size } = variable;
    this.#variables.push(variable);
    this.#ofVariables.push(id, name, trainable, dtype, shape, size);
  }

  /**
   * The keys and values of all watched properties, then the values of weights
   * and variables.
   */
  get all(): readonly unknown[] {
    return [
      ...[this.#keys, this.#values, this.#counts],
      ...[this.#ofWeights, this.#ofVariables],
    ].flat();
  }

  /** Whether all properties still have the values of this snapshot. */
  get isSame(): boolean {
    const owners = this.#owners, keys = this.#keys, values = this.#values;
    for (let i = 0; i < values.length; i++) {
      if (!Object.is(owners[i]![keys[i]!], values[i])) return false;
    }
    const open = this.#open, counts = this.#counts;
    for (let i = 0; i < open.length; i++) {
      if (countOf(open[i]!) !== counts[i]) return false;
    }
    const ofWeights = this.#ofWeights, ofVariables = this.#ofVariables;
    let at = 0;
    for (const weight of this.#weights) {
      if (weight.val !== ofWeights[at++]) return false;
      if (weight.read !== ofWeights[at++]) return false;
    }
    at = 0;
    for (const variable of this.#variables) {
      if (
        variable.id !== ofVariables[at++] ||
        variable.name !== ofVariables[at++] ||
        variable.trainable !== ofVariables[at++] ||
        variable.dtype !== ofVariables[at++] ||
        variable.shape !== ofVariables[at++] ||
        variable.size !== ofVariables[at++]
      ) return false;
    }
    return true;
  }
}

function isWeight(object: object): object is Weight {
  return "val" in object && object.val instanceof tf.Variable &&
    "trainable_" in object;
}

function keysOf(object: object): readonly (string | number)[] {
  // Numbers as keys find an array's items faster than strings do.
  if (isList(object)) return Array.from(object, (_, i) => i);
  return isClass(object)
    ? Object.getOwnPropertyNames(object)
    : Object.keys(object);
}

function countOf(object: object): number {
  return Array.isArray(object) ? object.length : Object.keys(object).length;
}

const BUILT_IN: ReadonlySet<object> = new Set(
  [Object, Function, Array, Map, Set, WeakMap, WeakSet, Promise, Error, Date]
    .map(({ prototype }) => prototype),
);

/** Whether an object is the prototype of a class other than those of the language. */
function isClass(object: object | null): object is object {
  return object !== null && Object.hasOwn(object, "constructor") &&
    !BUILT_IN.has(object);
}

function isList(object: object): object is ArrayLike<unknown> {
  return Array.isArray(object) || ArrayBuffer.isView(object);
}

/** Whether a value's properties are watched too, or only its identity. */
function isWatched(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof tf.Tensor) return value instanceof tf.Variable;
  if (isList(value)) return value.length <= MOST_ITEMS;
  // Backends, the engine, its flags and globals change without an effect on results.
  return !(value instanceof tf.KernelBackend) && value !== tf.engine() &&
    value !== tf.env() && value !== globalThis;
}
