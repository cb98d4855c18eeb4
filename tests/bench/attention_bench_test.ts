import { assertEquals, assertMatch } from "@std/assert";

Deno.test("deno bench times what is chosen, by names", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bench", "-A", "--no-check", "--json"],
      ...["--filter", "chunkwise: wasm", "bench/attention_bench.ts"],
    ],
    cwd: new URL("../../", import.meta.url),
    env: {
      LION_BACKENDS: "wasm",
      LION_BENCH_LENGTHS: "24",
      LION_BENCH_VARIANTS: "s",
    },
  }).output();
  const { benches } = JSON.parse(new TextDecoder().decode(stdout)) as {
    benches: { name: string; group: string; results: { ok?: object }[] }[];
  };
  assertEquals([code, benches.length], [0, 2]);
  for (const [i, pass] of ["forward", "gradients"].entries()) {
    const { name, group, results } = benches[i]!;
    assertMatch(name, new RegExp(`^chunkwise: ${group}$`));
    assertEquals(group, `wasm, LION-S, ${pass}, 24 tokens`);
    assertEquals(results.map(({ ok }) => ok !== undefined), [true]);
  }
});
