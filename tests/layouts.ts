/**
 * Ways of computing that this machine would not choose by itself, by the
 * variable `LION_LAYOUT`; `layouts_test.ts` runs tests in each.
 *
 * @module
 */

/** What a layout changes of the host, before a backend starts. */
const LAYOUTS: Readonly<Record<string, () => void>> = {
  /** A page that is not isolated: WebAssembly's memory is no thread's but one's. */
  "plain memory": () => {
    delete (globalThis as { SharedArrayBuffer?: unknown }).SharedArrayBuffer;
  },
  /** An engine without relaxed SIMD. */
  "strict module": () => {
    const validate = WebAssembly.validate;
    const isRelaxed = (binary: BufferSource) => binary.byteLength > 4096;
    WebAssembly.validate = (binary) => !isRelaxed(binary) && validate(binary);
  },
  /** A software adapter that passes for a GPU, whose products are tfjs's own. */
  "GPU": () => {
    Object.defineProperty(GPUAdapter.prototype, "info", {
      value: {
        vendor: "layout",
        architecture: "",
        device: "",
        description: "GPU",
        isFallbackAdapter: false,
      },
    });
  },
};

const layout = Deno.env.get("LION_LAYOUT");
if (layout !== undefined) {
  const change = LAYOUTS[layout];
  if (!change) throw new RangeError(`there is no layout "${layout}"`);
  change();
}
