/** A job that fails; tests/mpi has those that do not. @module */
import { assertRejects } from "@std/assert";
import { RankJob } from "../../bench/rank_job.ts";

Deno.test("a job whose ranks end says so, and leaves nothing behind", async () => {
  const broken = { name: "none", mpirun: "false", args: [], library: "" };
  await assertRejects(
    () => RankJob.start(broken, 2),
    Error,
    "ranks ended, with code 1",
  );
});
