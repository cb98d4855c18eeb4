/** No operation writes to its arguments. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { BackendName } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { sample } from "../sample.ts";
import { type Arguments, argumentsOf, CASES } from "./integer_cases.ts";

/** A call, and the type of its values. */
interface Case {
  readonly label: string;
  readonly dtype: "float32" | "int32" | "bool";
  readonly call: (typeof CASES)[string][number];
}

const ALL: readonly Case[] = Object.entries(CASES).flatMap(([name, calls]) =>
  calls.flatMap((call, i) =>
    (["float32", "int32", "bool"] as const)
      .map((dtype) => ({ label: `${name} ${dtype} ${i}`, call, dtype }))
  )
);

const KINDS = ["any", "small", "flags", "ids"] as const;

/** Makes an argument of each kind, the same ones in each series. */
function makers({ label, dtype }: Case): Pick<Arguments, typeof KINDS[number]> {
  const make = argumentsOf(label, dtype === "bool" ? dtype : "int32");
  if (dtype !== "float32") return make;
  return {
    ...make,
    any: (...shape) => tf.cast(make.any(...shape), dtype),
    small: (...shape) => tf.cast(make.small(...shape), dtype),
  };
}

async function assertUnwritten(one: Case): Promise<void> {
  tf.engine().startScope();
  try {
    const first = makers(one), again = makers(one);
    const pairs: [given: tf.Tensor, asItWas: tf.Tensor][] = [];
    const given = Object.fromEntries(KINDS.map((kind) => [
      kind,
      (...shape: [number, ...number[]]) => {
        const x = first[kind](...shape);
        pairs.push([x, again[kind](...shape)]);
        return x;
      },
    ]));
    try {
      await one.call({ ...given, dtype: one.dtype } as unknown as Arguments);
    } catch { // The operation does not take the type.
    }
    for (const [x, asItWas] of pairs) {
      const values = [...await asItWas.data()];
      assertEquals([...await x.data()], values, one.label);
    }
  } finally {
    tf.engine().endScope();
  }
}

onEachBackend(
  "no operation writes to its arguments",
  async (backend: BackendName) => {
    for (const one of sample(backend, ALL)) await assertUnwritten(one);
  },
  { sampled: true },
);

onEachBackend("nor does one that webgpu computes on the host", async () => {
  tf.env().set("WEBGPU_CPU_FORWARD", true);
  for (const one of ALL) await assertUnwritten(one);
  tf.env().set("WEBGPU_CPU_FORWARD", false);
}, ["webgpu"]);
