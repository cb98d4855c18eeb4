/**
 * The properties of objects that code reads, to be compared with what they were.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** Properties that are watched, at most; of more, the first ones are. */
const MOST_PROPERTIES = 2 ** 16;

/** Items of an array that is watched, at most; of a longer one, only that it is the same. */
const MOST_ITEMS = 1024;

/** Earlier states that are known again, at most. */
const MOST_STATES = 16;

/** An object by the names of its properties, or an array by its indices. */
type Named = Record<string | number, unknown>;

/** A weight of tfjs-layers, with the members by which its variable is read. */
interface Weight {
  readonly val: tf.Variable;
  readonly read: unknown;
}

/** What is watched of some objects. */
export interface WatchedObjects {
  /** Where to begin: objects, or functions with properties. */
  readonly roots: readonly object[];
  /** Whether what a property refers to is watched, too, and not only which object it is. */
  readonly follows: (owner: object, name: string, value: object) => boolean;
}

/**
 * The state of some objects and of all that they refer to: the values of own properties,
 * and the methods of classes. What a closure or a private field refers to is not seen,
 * nor are the entries of maps and sets.
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

  /** Looks at the objects for the first time. */
  constructor(objects: WatchedObjects) {
    this.#objects = objects;
    this.#now = new Snapshot(objects);
  }

  /** A number that is another one if anything has changed, and the same if it is as it was. */
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
  /** Objects whose properties may become more, and how many they have. */
  readonly #open: object[] = [];
  readonly #counts: number[] = [];
  /** Most of a model's properties are those of weights, whose names are known. */
  readonly #weights: Weight[] = [];
  readonly #ofWeights: unknown[] = [];
  readonly #variables: tf.Variable[] = [];
  readonly #ofVariables: unknown[] = [];

  constructor({ roots, follows }: WatchedObjects) {
    const seen = new Set(roots);
    // A set is iterated over what is added meanwhile, too.
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
          // What an accessor returns is of other properties.
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

  /** All names and values. */
  get all(): readonly unknown[] {
    return [
      ...[this.#keys, this.#values, this.#counts],
      ...[this.#ofWeights, this.#ofVariables],
    ].flat();
  }

  /** Whether all values are what they were. */
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
  // Numbers find an item in less time than names do.
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

/** Whether the properties of a value are watched, and not only which value it is. */
function isWatched(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof tf.Tensor) return value instanceof tf.Variable;
  if (isList(value)) return value.length <= MOST_ITEMS;
  // What these have changes without any effect on what is computed.
  return !(value instanceof tf.KernelBackend) && value !== tf.engine() &&
    value !== tf.env() && value !== globalThis;
}
