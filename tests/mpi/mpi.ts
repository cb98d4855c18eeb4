/** Ranks under MPICH's and Open MPI's `mpirun`: `deno task mpi-test`. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { IMPLEMENTATIONS, launch } from "./launch.ts";

/** A rank that fails ends the job within so many seconds, its start included. */
const SECONDS_TO_END = 30;

for (const implementation of IMPLEMENTATIONS) {
  const { name } = implementation;
  for (const ranks of [2, 3, 4]) {
    Deno.test(`${name}: every operation on ${ranks} ranks`, async () => {
      const program = "collectives.ts";
      const { code, stdout, stderr } = await launch(implementation, {
        ranks,
        program,
      });
      assertEquals(code, 0, stdout + stderr);
      for (let rank = 0; rank < ranks; rank++) {
        assertStringIncludes(stdout, `rank ${rank} of ${ranks} on ${name}`);
      }
    });
  }

  const ENDS: Readonly<Record<string, string | undefined>> = {
    throw: "RangeError: the reason",
    reject: "RangeError: the reason",
    timer: "RangeError: the reason",
    exit: "it ended before close()",
    end: "it ended before close()",
    // It has no time to say anything: mpirun sees that it is gone.
    kill: undefined,
  };
  for (const [how, reason] of Object.entries(ENDS)) {
    Deno.test(`${name}: no rank waits for one that has failed: ${how}`, async () => {
      const { code, stdout, stderr, seconds } = await launch(implementation, {
        ranks: 3,
        program: "failure.ts",
        args: [how],
      });
      assert(code !== 0, stdout);
      assert(code !== -1, `it hangs: ${stdout}${stderr}`);
      assertLess(seconds, SECONDS_TO_END);
      assert(!stdout.includes("went on"), stdout);
      if (reason === undefined) return;
      assertStringIncludes(stderr, `rank 2 of 3 ends the job: ${reason}`);
    });
  }

  Deno.test(`${name}: its library alone need be allowed`, async () => {
    const folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    const paths = folders.map((folder) =>
      `${folder}/${implementation.library}`
    );
    const found = await Promise.all(
      paths.map((path) => Deno.stat(path).then(() => true, () => false)),
    );
    const path = paths[found.indexOf(true)];
    assert(path, `no ${implementation.library} in ${folders}`);
    const { code, stderr } = await alone([
      `--allow-ffi=${path}`,
      "--allow-env=OMPI_COMM_WORLD_SIZE,PMI_SIZE",
    ]);
    assertEquals(code, 0, stderr);
  });
}

Deno.test("without --allow-ffi, openMpi says what it needs", async () => {
  const { code, stderr } = await alone([
    "--allow-env=OMPI_COMM_WORLD_SIZE,PMI_SIZE",
  ]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "run again with --allow-ffi, or with");
});

/** A rank without `mpirun`, with some permissions. */
async function alone(permissions: readonly string[]) {
  const module = new URL("../../lib/mpi/mod.ts", import.meta.url).href;
  const program = `import { openMpi } from ${JSON.stringify(module)};
    const mpi = openMpi();
    const [ranks] = await mpi.allreduce(Int32Array.of(1));
    await mpi.close();
    if (ranks !== 1) throw new Error(\`\${ranks} ranks\`);`;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/alone.ts`, program);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--no-prompt", "--config"],
        new URL("../../deno.json", import.meta.url).pathname,
        ...permissions,
        `${folder}/alone.ts`,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
