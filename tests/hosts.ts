/**
 * Hosts that this machine is not, by the variable `LION_HOST`; `hosts_test.ts`
 * runs tests on each.
 *
 * @module
 */

/** What is changed before a backend starts. */
const HOSTS: Readonly<Record<string, () => void>> = {
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
        vendor: "host",
        architecture: "",
        device: "",
        description: "GPU",
        isFallbackAdapter: false,
      },
    });
  },
};

const host = Deno.env.get("LION_HOST");
if (host !== undefined) {
  const change = HOSTS[host];
  if (!change) throw new RangeError(`there is no host "${host}"`);
  change();
}
