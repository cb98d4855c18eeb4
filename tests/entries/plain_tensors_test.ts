/**
 * A plain `tf.Tensor`, as most functions of TensorFlow.js return one, is taken
 * by every function: its shape is checked when it is called.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import config from "../../deno.json" with { type: "json" };
import * as family from "../../lib/family/mod.ts";
import * as operations from "../../lib/operations/mod.ts";
import * as lion from "../../mod.ts";
import { onCpu } from "../io/files.ts";

const ROOT = new URL("../../", import.meta.url);

/** What is read of `deno doc --json`. */
interface Documents {
  readonly nodes: Readonly<Record<string, { readonly symbols: Symbol[] }>>;
}
interface Symbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly kind: string;
    readonly def?: unknown;
  }[];
}

/** Types that only functions of ours make, which know how many axes they have. */
const OURS: readonly string[] = ["Decay"];

/** The names of types in a part of a document, those of functions left out. */
function typesIn(part: unknown): string[] {
  if (Array.isArray(part)) return part.flatMap(typesIn);
  if (typeof part !== "object" || part === null) return [];
  const { kind, typeName, params: _, jsDoc: __, ...others } = part as Readonly<
    Record<string, unknown>
  >;
  // A user's function gets tensors of ours, and `keyof` names fields.
  if (kind === "fnOrConstructor" || kind === "typeOperator") return [];
  return [
    ...(typeof typeName === "string" ? [typeName] : []),
    ...Object.values(others).flatMap(typesIn),
  ];
}

const isOfRank = (type: string) => /(^|\.)Tensor\dD$/.test(type);

Deno.test("no exported function asks TypeScript for a tensor of so many axes", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...Object.values(config.exports)],
    cwd: ROOT,
    stderr: "null",
  }).output();
  const { nodes }: Documents = JSON.parse(new TextDecoder().decode(stdout));
  const symbols = Object.values(nodes).flatMap(({ symbols }) => symbols);
  const definitions = new Map(
    symbols.map(({ name, declarations }) => [
      name,
      declarations.flatMap(({ kind, def }) =>
        kind === "interface" || kind === "typeAlias" ? [def] : []
      ),
    ]),
  );
  /** The ways from a type to those of tensors of a rank. */
  const ways = (type: string, before: readonly string[]): string[] => {
    const way = [...before, type];
    if (isOfRank(type)) return [way.join(" > ")];
    if (OURS.includes(type) || before.includes(type)) return [];
    return typesIn(definitions.get(type)).flatMap((next) => ways(next, way));
  };
  const functions = symbols.flatMap(({ name, declarations }) =>
    declarations.flatMap(({ kind, def }) =>
      kind === "function" ? [{ name, ...def as { params: unknown } }] : []
    )
  );
  assert(functions.length > 100, `found ${functions.length} functions`);
  assertEquals(
    functions.flatMap(({ name, params }) =>
      typesIn(params).flatMap((type) => ways(type, [name]))
    ),
    [],
  );
});

onCpu("plain tensors are taken, and results have their axes", async () => {
  tf.engine().startScope();
  const plain = (...shape: number[]): tf.Tensor => tf.fill(shape, 0.5);
  const x = plain(1, 2, 4, 3), rows = plain(1, 4, 12);
  const token: tf.Tensor = tf.slice(x, [0, 0, 0, 0], [1, 2, 1, 3]);
  const share = plain(1, 2, 4), logDecay: tf.Tensor = tf.neg(share);
  const paces: tf.Tensor = tf.neg(plain(2));
  const perChannel: tf.Tensor = tf.neg(x);
  const segments: tf.Tensor = tf.ones([1, 4], "int32");
  const of = { mask: plain(1, 4), segments };
  const decay = lion.selectiveDecay(lion.logSigmoid(logDecay));
  const vectors = { q: x, k: x, v: x };
  const ofFour: tf.Tensor4D[] = [
    lion.lionAttention(tf.relu(x), lion.eluPlusOne(x), x, { decay, ...of }),
    lion.lionAttention(x, x, x, { decay: lion.diagonalDecay(perChannel) }),
    lion.multiScanAttention(x, x, x, [{ order: [3, 2, 1, 0], decay }], of),
    lion.deltaAttention(x, x, x, share, of),
    lion.softmaxAttention(x, x, x, of),
    lion.decayMask(lion.fixedDecay(paces), 4),
    lion.decayMask(lion.bidirectionalDecay(logDecay, logDecay), 4),
    lion.deltaStep(plain(1, 2, 3, 3), {
      ...{ ...vectors, beta: share, logDecay: paces, mask: of.mask },
    }).y,
    lion.recurrentStep({ sum: plain(1, 2, 3, 4), due: tf.neg(plain(1, 2)) }, {
      ...{ ...vectors, logDecay, mask: of.mask },
    }).y,
    family.mamba2({ x, dt: share, a: paces, b: x, c: x, d: paces }, of),
    family.rwkv6(
      { r: x, k: x, v: x, logDecay: perChannel, bonus: plain(2, 3) },
      of,
    ),
    operations.positiveRandomFeatures(plain(5, 3))(x),
    ...Object.values(operations.splitHeads(rows, { numHeads: 2 })),
  ];
  await lion.streamBidirectional({
    ...{ length: 2, segmentLength: 1 },
    read: () => ({
      ...{ q: tf.clone(token), k: tf.clone(token), v: tf.clone(token) },
      mask: plain(1, 1),
    }),
  }, (_, y) => void ofFour.push(tf.clone(y)));
  const ofThree: tf.Tensor3D[] = [
    operations.joinHeads(x),
    operations.shortConvolution(rows, plain(12, 3), plain(12), of),
    operations.selectiveScan({
      ...{ x: rows, dt: rows, z: rows, a: tf.neg(plain(12, 2)), d: plain(12) },
      ...{ b: plain(1, 4, 2), c: plain(1, 4, 2) },
    }, of),
  ];
  const asGiven: tf.Tensor[] = [
    operations.dense(rows, plain(12, 5), plain(5)),
    operations.layerNorm(rows, plain(12), plain(12)),
    operations.rmsNorm(rows, plain(12)),
    lion.shiftedSilu(x),
  ];
  assertEquals(lion.explainAttention(x, x, x).kernel, null);
  assertEquals(new Set(ofFour.map(({ rank }) => rank)), new Set([4]));
  assertEquals(new Set(ofThree.map(({ rank }) => rank)), new Set([3]));
  for (const y of [...ofFour, ...ofThree, ...asGiven]) {
    assert((await y.data()).every(Number.isFinite));
  }
  tf.engine().endScope();
});
