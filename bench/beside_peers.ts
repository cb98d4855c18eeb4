/** Operations of the library as contenders, with those of other libraries. @module */
import { type Pass, timeTensors, usageOf } from "../measure/tensors.ts";
import type { Contender, OpenGroup } from "./group.ts";
import { LIBRARY } from "./library.ts";
import {
  openOperation,
  type Operation,
  type Shaped,
  wrongIn,
} from "./operations.ts";
import { type NamedPeer, peerContender } from "./peers/torch.ts";
import { inPlainForms } from "./plain_forms.ts";

/** An operation beside others' of the same inputs. */
export interface BesidePeers {
  /** Who of them is wanted. */
  readonly names: readonly string[];
  readonly pass: Pass;
  readonly operation: Operation;
  /** The results. @default those in operations of TensorFlow.js */
  readonly expected?: () => readonly ArrayLike<number>[];
  readonly peers: readonly NamedPeer[];
  /** Options of peers, of which the quickest are timed. */
  readonly choices: readonly Readonly<Record<string, unknown>>[];
}

/** The operation, the same with " in tfjs" after its name, and peers. */
export async function openBesidePeers(
  name: string,
  { names, pass, operation, expected, peers, choices }: BesidePeers,
): Promise<OpenGroup> {
  const open = openOperation(operation, LIBRARY, pass);
  const wanted = (expected?.() ?? await open.reference())
    .slice(0, pass === "forward" ? 1 : undefined);
  const check = (results: readonly Float32Array[]) =>
    wrongIn(results, wanted, operation.together);
  const contenders: Contender[] = [
    {
      name,
      check: async () => check(await open.results()),
      run: open.time,
      usage: () => usageOf(() => open.run()),
    },
    {
      name: `${name} in tfjs`,
      check: async () => check(await open.reference()),
      run: () => inPlainForms(() => timeTensors(() => open.run(true))),
      usage: () => inPlainForms(() => usageOf(() => open.run(true))),
    },
  ];
  const present = peers.filter(({ name }) => names.includes(name));
  for (const { name, peer } of present) {
    const arrays = { ...operation.inputs() };
    const shape = (arrays["v"] ?? arrays["x"])![0];
    const tensors = Object.entries({
      ...arrays,
      dy: [shape, operation.dy()] as Shaped,
    }).map(([name, [shape, values]]) => ({ name, shape, values }));
    await peer.prepareFastest(choices.map((choice) => ({
      work: "attention",
      options: { pass, ...choice },
      tensors,
    })));
    contenders.push(peerContender(peer, check, undefined, name));
  }
  return {
    contenders: contenders.filter(({ name }) => names.includes(name)),
    baseline: name,
    close: async () => {
      open.dispose();
      for (const { peer } of present) await peer.release();
    },
  };
}
