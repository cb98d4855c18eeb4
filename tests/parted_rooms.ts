/**
 * Parts the tests of rooms: those on WebGPU run in one worker for several rooms, all
 * others in that of their own room. Most shaders are the same in several rooms: a
 * worker compiles each once, and workers side by side compile each at the same time.
 *
 * `deno test --preload tests/parted_rooms.ts`, with the rooms in `LION_PARTED_ROOMS`.
 *
 * @module
 */

const rooms = Deno.env.get("LION_PARTED_ROOMS")?.split(",") ?? [];
const isOnWebGpu = Deno.mainModule.includes("/tests/together_on_webgpu/");
const isParted = rooms.some((room) => Deno.mainModule.endsWith(`/${room}`));

if (isOnWebGpu || isParted) {
  const { test } = Deno;
  const register = (...given: Parameters<typeof test>) => {
    const [first] = given as unknown as [string | { readonly name: string }];
    const name = typeof first === "string" ? first : first.name;
    if (name.endsWith("[webgpu]") === isOnWebGpu) test(...given);
  };
  Object.assign(Deno, { test: Object.assign(register, test) });
}
