/** A change of any property that is watched is seen, and so is its end. */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { WatchedState } from "../../lib/models/watched_state.ts";
import { onEachBackend } from "../backends.ts";

class Base {
  rate = 0.5;
  call(): number {
    return 1;
  }
}
class Layer extends Base {
  readonly options: Record<string, unknown> = { form: "auto", sizes: [1, 2] };
  readonly table = new Float32Array([1, NaN]);
  readonly nothing = undefined;
  readonly counts = new Map([["a", 1]]);
  #secret = 1;
  get double(): number {
    return 2 * this.#secret++;
  }
}

/** What is set, what it is set to, and what it was. */
function changesOf(layer: Layer, weight: { val: tf.Variable }) {
  const { options, table } = layer;
  const set = (owner: object, name: string | number, value: unknown) => {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    return {
      make: () => Object.assign(owner, { [name]: value }),
      undo: () => {
        if (own) Object.defineProperty(owner, name, own);
        else Reflect.deleteProperty(owner, name);
      },
    };
  };
  const sizes = options["sizes"] as number[];
  const grow = { make: () => sizes.push(3), undo: () => sizes.pop() };
  const rename = {
    make: () => {
      delete options["form"];
      options["kind"] = "auto";
    },
    undo: () => {
      delete options["kind"];
      delete options["sizes"];
      Object.assign(options, { form: "auto", sizes });
    },
  };
  return [
    ...[set(layer, "rate", 0.25), set(layer, "rate", "0.5")],
    ...[set(options, "form", "full"), set(options, "chunkSize", 2)],
    ...[set(sizes, 0, -0), set(sizes, 0, 0), grow],
    ...[set(table, 0, NaN), set(table, 1, 0)],
    ...[set(layer, "call", () => 1), set(Base.prototype, "call", () => 1)],
    ...[set(Layer.prototype, "call", () => 2), set(layer, "nothing", null)],
    ...[set(weight.val, "trainable", false), set(weight.val, "name", "other")],
    set(weight, "read", () => weight.val),
    rename,
  ];
}

onEachBackend("each change has a number, and goes back to the first", () => {
  const layer = new Layer();
  const val = tf.tidy(() => tf.variable(tf.zeros([2])));
  const weight = { val, trainable_: true, read: () => val };
  const loss = Object.assign(() => 0, { description: "none" });
  const state = new WatchedState({
    roots: [{ layer, weights: [weight] }, loss],
    follows: () => true,
  });
  const first = state.number;
  const numbers = new Set([first]);
  const changes = [
    ...changesOf(layer, weight),
    {
      make: () => loss.description = "one",
      undo: () => loss.description = "none",
    },
  ];
  for (const [i, { make, undo }] of changes.entries()) {
    make();
    const { number } = state;
    assertEquals(numbers.has(number), false, `change ${i}`);
    assertEquals(state.number, number);
    numbers.add(number);
    undo();
    assertEquals(state.number, first, `change ${i}`);
  }
  // What is private, in a map or in a weight's value is not watched.
  layer.counts.set("a", 2);
  assert(layer.double !== layer.double);
  tf.tidy(() => val.assign(tf.ones([2])));
  assertEquals(state.number, first);
  val.dispose();
}, ["cpu"]);

onEachBackend("what is not followed is only known to be the same", () => {
  const inner = { rate: 1 }, outer: Record<string, object> = { inner };
  const state = new WatchedState({
    roots: [outer],
    follows: (owner, name, value) =>
      !(owner === outer && name === "inner" && value === inner),
  });
  inner.rate = 2;
  assertEquals(state.number, 0);
  outer["inner"] = { rate: 2 };
  assertEquals(state.number, 1);
}, ["cpu"]);

onEachBackend("states long gone are new again", () => {
  const layer = new Layer();
  const state = new WatchedState({ roots: [layer], follows: () => true });
  const numbers = Array.from({ length: 40 }, (_, i) => {
    layer.rate = i;
    return state.number;
  });
  assertEquals(new Set(numbers).size, 40);
  layer.rate = 38;
  assertEquals(state.number, numbers[38]);
  layer.rate = 0;
  assertEquals(numbers.includes(state.number), false);
}, ["cpu"]);
