/** Which library is opened; without starting MPI. @module */
import { assertEquals, assertThrows } from "@std/assert";
import { launchOf } from "../../lib/mpi/library.ts";
import { openMpi } from "../../lib/mpi/mod.ts";

Deno.test("the launcher's own library is tried first", () => {
  const launched = (env: Record<string, string>) =>
    launchOf((name) => env[name]);
  const openMpi = launched({ OMPI_COMM_WORLD_SIZE: "3" });
  assertEquals([openMpi.names[0], openMpi.ranks], ["libmpi.so.40", 3]);
  const mpich = launched({ PMI_SIZE: "2" });
  assertEquals([mpich.names[0], mpich.ranks], ["libmpi.so.12", 2]);
  assertEquals(launched({}).ranks, undefined);
});

Deno.test("without MPI, openMpi says what to install", () => {
  assertThrows(
    () => openMpi({ library: "/nowhere/libmpi.so" }),
    Error,
    "apt-get install mpich, or openmpi-bin",
  );
});

Deno.test("a library that is no MPI is refused", () => {
  assertThrows(
    () => openMpi({ library: "libc.so.6" }),
    Error,
    "openMpi found no MPI",
  );
});

Deno.test("openMpi names what is wrong with its options", () => {
  assertThrows(
    () => openMpi({ libary: "x" } as { library?: string }),
    TypeError,
    'did you mean "library"?',
  );
  assertThrows(
    () => openMpi({ library: 12 as unknown as string }),
    TypeError,
    "library should be a path, got number",
  );
});
