/** Integers of any size and bools through every operation of tfjs-core. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import {
  argumentsOf,
  CASES,
  EDGES,
  NO_INTEGERS,
  REFUSED,
} from "./integer_cases.ts";

/** What a call gave: values, or what it threw. */
type Outcome =
  | { readonly error: string }
  | {
    readonly results: readonly {
      readonly dtype: tf.DataType;
      readonly shape: readonly number[];
      readonly values: readonly number[];
    }[];
  };

const DTYPES = ["int32", "bool"] as const;

async function outcomeOf(
  call: () => tf.Tensor | tf.Tensor[] | Promise<tf.Tensor | tf.Tensor[]>,
): Promise<Outcome> {
  tf.engine().startScope();
  try {
    const tensors = [await call()].flat();
    const results = await Promise.all(tensors.map(async (tensor) => ({
      dtype: tensor.dtype,
      shape: tensor.shape,
      values: [...await tensor.data()],
    })));
    return { results };
  } catch (error) {
    return { error: (error as Error).message };
  } finally {
    tf.engine().endScope();
  }
}

/** The outcomes of all calls on the current backend, by what was called. */
async function outcomes(): Promise<Map<string, Outcome>> {
  const found = new Map<string, Outcome>();
  for (const dtype of DTYPES) {
    for (const [name, calls] of Object.entries(CASES)) {
      for (const [i, call] of calls.entries()) {
        const label = `${name} ${dtype} ${i}`;
        found.set(
          label,
          await outcomeOf(() => call(argumentsOf(label, dtype))),
        );
      }
    }
  }
  return found;
}

/** How an outcome differs from that of the cpu backend, if it does. */
function difference(wanted: Outcome, actual: Outcome): string | undefined {
  // The operation does not take the type.
  if ("error" in wanted) return undefined;
  if ("error" in actual) return `throws ${actual.error}`;
  for (const [i, { dtype, shape, values }] of wanted.results.entries()) {
    const other = actual.results[i]!;
    if (other.dtype !== dtype || `${other.shape}` !== `${shape}`) {
      return `${other.dtype} [${other.shape}] for ${dtype} [${shape}]`;
    }
    for (const [at, value] of values.entries()) {
      const got = other.values[at]!;
      if (isSame(dtype, value, got)) continue;
      return `${got} for ${value} at ${at} of result ${i}`;
    }
  }
  return undefined;
}

function isSame(dtype: tf.DataType, wanted: number, actual: number): boolean {
  if (Object.is(wanted, actual) || wanted === actual) return true;
  // A sum of bools is true, whatever it is.
  if (dtype === "bool") return (wanted !== 0) === (actual !== 0);
  if (dtype === "int32") return false;
  return Math.abs(wanted - actual) <= 1e-5 * Math.max(1, Math.abs(wanted));
}

let wanted: Map<string, Outcome> | undefined;

onEachBackend(
  "every operation keeps integers apart, and bools true, or refuses them",
  async (backend) => {
    if (!wanted) {
      await useBackend({ prefer: ["cpu"] });
      wanted = await outcomes();
      await useBackend({ prefer: [backend] });
    }
    const found = new Map<string, string>();
    for (const [label, actual] of await outcomes()) {
      const why = difference(wanted.get(label)!, actual);
      if (why !== undefined) found.set(label, why);
    }
    const refused = (label: string) =>
      REFUSED[backend].includes(label.split(" ")[0]!);
    for (const [label, why] of found) {
      assert(refused(label), `${label}: ${why}`);
      // By name, before anything is computed.
      assert(
        /^throws .*(float32|not registered|on the host)/.test(why),
        `${label}: ${why}`,
      );
    }
    const names = new Set(
      [...found.keys()].map((label) => label.split(" ")[0]),
    );
    assertEquals(names, new Set(REFUSED[backend]), "what is refused");
  },
);

Deno.test("no operation of tfjs-core is left out", () => {
  const names = Object.keys(tf).filter((name) =>
    typeof tf[name as keyof typeof tf] === "function"
  );
  const spaces = ["image", "linalg", "losses", "math", "sparse"] as const;
  for (const space of [...spaces, "signal", "spectral", "string", "fused"]) {
    const operations = tf[space as "image"] as Record<string, unknown>;
    names.push(...Object.keys(operations).map((name) => `${space}.${name}`));
  }
  const known = [...Object.keys(CASES), ...NO_INTEGERS];
  assertEquals(names.filter((name) => !known.includes(name)), []);
  assertEquals(known.filter((name) => !names.includes(name)), []);
});

Deno.test("the library calls nothing that refuses integers", async () => {
  const refused = Object.values(REFUSED).flat();
  const called = new RegExp(`\\btf\\.(${refused.join("|")})\\(`);
  async function* sources(folder: URL): AsyncGenerator<URL> {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) yield* sources(new URL(`${name}/`, folder));
      else if (name.endsWith(".ts")) yield new URL(name, folder);
    }
  }
  for await (const file of sources(new URL("../../lib/", import.meta.url))) {
    const [call] = (await Deno.readTextFile(file)).match(called) ?? [];
    assertEquals(call, undefined, file.pathname);
  }
});

/** What operations of two integers are, in JavaScript's own numbers. */
const ARITHMETIC: Readonly<
  Record<string, (a: number, b: number) => number>
> = {
  add: (a, b) => a + b,
  bitwiseAnd: (a, b) => a & b,
  equal: (a, b) => Number(a === b),
  floorDiv: (a, b) => b === 0 ? NaN : Math.floor(a / b),
  greater: (a, b) => Number(a > b),
  greaterEqual: (a, b) => Number(a >= b),
  less: (a, b) => Number(a < b),
  lessEqual: (a, b) => Number(a <= b),
  maximum: Math.max,
  minimum: Math.min,
  mod: (a, b) => b === 0 ? NaN : a - Math.floor(a / b) * b,
  mul: (a, b) => a * b,
  notEqual: (a, b) => Number(a !== b),
  squaredDifference: (a, b) => (a - b) ** 2,
  sub: (a, b) => a - b,
};

onEachBackend("arithmetic of all pairs of edges is exact", async () => {
  const pairs = EDGES.flatMap((a) => EDGES.map((b) => [a, b] as const));
  for (const [name, exactly] of Object.entries(ARITHMETIC)) {
    const operation = tf[name as "add"];
    const results = tf.tidy(() => {
      const [a, b] = [0, 1].map((side) =>
        tf.tensor1d(pairs.map((pair) => pair[side]!), "int32")
      );
      return operation(a!, b!);
    });
    const values = await results.data();
    results.dispose();
    for (const [i, [a, b]] of pairs.entries()) {
      const exact = exactly(a, b);
      // Beyond 32 bits, and divided by zero, nothing is promised.
      if (exact !== (exact | 0)) continue;
      assertEquals(values[i], exact | 0, `${name}(${a}, ${b})`);
    }
  }
});

onEachBackend("arithmetic of no numbers is none", async () => {
  for (const name of Object.keys(ARITHMETIC)) {
    const result = tf.tidy(() => {
      const none = tf.zeros([0, 3], "int32");
      return tf[name as "add"](none, none);
    });
    assertEquals(result.shape, [0, 3]);
    assertEquals((await result.data()).length, 0, name);
    result.dispose();
  }
});
