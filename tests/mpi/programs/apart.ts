/**
 * The second rank does something else while the others wait for it, as
 * `apart.ts HOW`. Each rank prints what it throws; then all of them close.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { attentionAcrossRanks, useBackend } from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";

const mpi = openMpi();
const { rank, size } = mpi;
const isOther = rank === 1;
const right = (rank + 1) % size, left = (rank + size - 1) % size;
/** More than is sent ahead. */
const LONG = 300_000;

/** To the right, from the left. */
function exchange(length: number): void {
  mpi.exchange(new Float32Array(length), { to: right, from: left });
}

const vectors = (): tf.Tensor4D => tf.ones([1, 2, 3, 4]);

function attend(x: tf.Tensor4D): tf.Tensor4D {
  return attentionAcrossRanks(x, x, x, { communicator: mpi });
}

const WAYS: Readonly<Record<string, () => unknown>> = {
  "long length": () => exchange(isOther ? LONG + 1 : LONG),
  "short for long": () => exchange(isOther ? 5 : LONG),
  about: () =>
    mpi.exchange(
      new Float32Array(3),
      { to: right, from: left },
      isOther ? "gradients" : "values",
    ),
  async "another operation"() {
    if (isOther) await mpi.allreduce(new Float32Array(LONG));
    else exchange(LONG);
  },
  "closes in an exchange": () => isOther || exchange(LONG),
  "closes before it sends": () =>
    isOther || mpi.receive(new Float32Array(3), 1),
  "closes before it receives": () =>
    isOther || mpi.send(new Float32Array(LONG), 1),
  "another kind": () =>
    isOther
      ? mpi.receive(new Float32Array(4), 0)
      : rank === 0
      ? mpi.send(new Int32Array(4), 1)
      : mpi.barrier(),
  "more than wanted": () =>
    isOther
      ? mpi.receive(new Float32Array(LONG), 0)
      : rank === 0
      ? mpi.send(new Float32Array(LONG + 1), 1)
      : mpi.barrier(),
  // Its own mistake, of which the others hear nothing until it closes.
  form: () =>
    void attentionAcrossRanks(vectors(), vectors(), vectors(), {
      communicator: mpi,
      form: isOther ? "full" : "auto",
    }),
  gradient: () =>
    isOther ? attend(vectors()) : tf.grad((x) => attend(x as tf.Tensor4D))(
      vectors(),
    ),
  async fails() {
    if (isOther) mpi.failed("the reason");
    else if (rank === 0) mpi.exchange(new Float32Array(3), { from: 1 });
    else {
      // The second operation sleeps meanwhile, and looks again when MPI has ended.
      const { setTimeout } = globalThis;
      let timers = 0;
      globalThis.setTimeout = ((wake: () => void, milliseconds: number) =>
        setTimeout(
          wake,
          ++timers === 2 ? 1000 : milliseconds,
        )) as typeof setTimeout;
      await Promise.all([mpi.barrier(), mpi.allreduce(Int32Array.of(1))]);
    }
  },
};

const [how] = Deno.args;
await useBackend({ prefer: ["cpu"] });
let begun = performance.now();
const tell = ({ name, message }: Error) => {
  const seconds = (performance.now() - begun) / 1000;
  console.log(
    `rank ${rank} after ${seconds.toFixed(1)} s: ${name}: ${message}`,
  );
};
try {
  await mpi.barrier();
  begun = performance.now();
  await WAYS[how!]!();
} catch (error) {
  tell(error as Error);
}
try {
  await mpi.close();
} catch (error) {
  tell(error as Error);
}
console.log(`rank ${rank} has closed: ${mpi.closed}`);
