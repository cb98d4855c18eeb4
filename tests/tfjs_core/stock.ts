/** Starts a backend of TensorFlow.js, as it comes. @module */
import "./globals.ts";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import "@tensorflow/tfjs-backend-webgpu";
import { joinTests, order } from "./suite.ts";

setWasmPaths(`${import.meta.resolve("@tensorflow/tfjs-backend-wasm")}/../`);
if (!await tf.setBackend(order.backend)) {
  throw new Error(`the backend ${order.backend} did not start`);
}
const factory = tf.findBackendFactory("webgpu");
joinTests(
  order.backend === "webgpu" ? async () => await factory() : undefined,
);
