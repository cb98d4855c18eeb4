/** Starts a backend of this library. @module */
import "./globals.ts";
import { openAdapter } from "../../lib/tfjs/webgpu/gpu_backend.ts";
import { useBackend } from "../../mod.ts";
import { joinTests, order } from "./suite.ts";
import { guardInputs } from "./unwritten.ts";

const { backend, threads } = order;
const { adapter } = await useBackend({ prefer: [backend], threads });
guardInputs(backend);
joinTests(
  adapter && (async () => {
    const again = await navigator.gpu.requestAdapter();
    return await openAdapter(again!, adapter.isFallbackAdapter);
  }),
);
