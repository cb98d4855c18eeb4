/** What kernels of several launches leave behind if one of these fails. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { alive, onEachBackend } from "../../backends.ts";
import { sample } from "../../sample.ts";
import { operationCalls } from "../operation_calls.ts";

/** More launches than most operations have. */
const MOST_LAUNCHES = 12;

onEachBackend(
  "an operation of which any launch fails leaves nothing behind",
  async (backend) => {
    const { launches } = tf.backend() as StrictWebGPUBackend;
    const count = launches.countLaunch.bind(launches), left: string[] = [];
    for (const { label, run } of sample(backend, operationCalls(2))) {
      let hasFailed = true;
      for (let launch = 0; hasFailed && launch < MOST_LAUNCHES; launch++) {
        const before = alive();
        let until = launch;
        hasFailed = false;
        launches.countLaunch = () => {
          hasFailed ||= until === 0;
          if (until-- === 0) throw new Error("made to fail");
          count();
        };
        tf.engine().startScope();
        try {
          await run();
        } catch {
          // Some calls are refused.
        } finally {
          tf.engine().endScope();
          launches.countLaunch = count;
        }
        const { tensors, ids } = alive();
        if (tensors !== before.tensors || ids !== before.ids) {
          left.push(`${label}, launch ${launch}`);
        }
      }
    }
    assertEquals(left, []);
  },
  ["webgpu"],
  "tfjs's engine does not hear of parts of complex numbers that are gone",
);
