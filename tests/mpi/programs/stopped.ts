/**
 * The last rank is stopped for a while, as `stopped.ts HOW`, and the others wait for
 * it; then all go on. Their clocks run fast, so that a minute is three seconds.
 *
 * @module
 */
import { openMpi } from "../../../lib/mpi/mod.ts";

const FASTER = 20;
const SECONDS_STOPPED = 6;

const now = performance.now.bind(performance);
performance.now = () => FASTER * now();

const mpi = openMpi();
const last = mpi.size - 1;
const WAYS: Readonly<Record<string, () => unknown>> = {
  allreduce: () => mpi.allreduce(Float32Array.of(1)),
  // The first rank waits for the second, and that one for the last.
  message: async () => {
    const value = Float32Array.of(mpi.rank);
    if (mpi.rank < last) await mpi.receive(value, mpi.rank + 1);
    if (mpi.rank > 0) await mpi.send(value, mpi.rank - 1);
  },
  exchange: () =>
    mpi.exchange(Float32Array.of(1), {
      to: (mpi.rank + 1) % mpi.size,
      from: (mpi.rank + last) % mpi.size,
    }),
};
await mpi.barrier();
if (mpi.rank === last) {
  const wake = `sleep ${SECONDS_STOPPED}; kill -CONT ${Deno.pid}`;
  new Deno.Command("sh", { args: ["-c", wake] }).spawn();
  Deno.kill(Deno.pid, "SIGSTOP");
}
await WAYS[Deno.args[0]!]!();
await mpi.barrier();
await mpi.close();
console.log("went on");
