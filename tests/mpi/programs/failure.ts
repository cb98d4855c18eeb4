/**
 * The last rank ends as it is told, as `failure.ts HOW FOLDER`; the others wait
 * for it. Each leaves a file in the folder, named by its process.
 *
 * @module
 */
import { openMpi } from "../../../lib/mpi/mod.ts";

const mpi = openMpi();
const ENDS: Readonly<Record<string, () => unknown>> = {
  throw() {
    throw new RangeError("the reason");
  },
  // The others stand still, and hear of nothing.
  exchange() {
    throw new RangeError("the reason");
  },
  reject: () => void Promise.reject(new RangeError("the reason")),
  timer: () =>
    setTimeout(() => {
      throw new RangeError("the reason");
    }),
  exit: () => Deno.exit(0),
  kill: () => Deno.kill(Deno.pid, "SIGKILL"),
  // Neither waits nor closes.
  end() {},
};
const [how, folder] = Deno.args;
await Deno.writeTextFile(`${folder}/${Deno.pid}`, "");
await mpi.barrier();
if (mpi.rank === mpi.size - 1) {
  ENDS[how!]!();
  if (how === "reject") await new Promise((resolve) => setTimeout(resolve));
} else {
  if (how === "exchange") {
    mpi.exchange(new Float32Array(1), { from: mpi.size - 1 });
  }
  await mpi.allreduce(Float32Array.of(1));
  console.log("went on");
}
