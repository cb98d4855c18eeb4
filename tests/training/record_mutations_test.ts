/** Whatever changes in a model while it is trained, recorded steps see it. */
import { assert, assertEquals } from "@std/assert";
import { onEachBackend } from "../backends.ts";
import { sample } from "../sample.ts";
import {
  RECORD_KINDS,
  recordCaseOf,
  runRecordCase,
  someRecordCasesOf,
} from "./record_mutations.ts";

for (const kind of RECORD_KINDS) {
  onEachBackend(`changes in training: ${kind}`, async (backend) => {
    const { warn } = console;
    console.warn = () => {}; // of trainable weights, by tfjs
    try {
      let batches = 0;
      for (const one of sample(backend, someRecordCasesOf(kind, 6))) {
        batches += await runRecordCase(one);
      }
      assert(batches > 0);
    } finally {
      console.warn = warn;
    }
  }, ["webgpu", "wasm"]);
}

onEachBackend("a seed is a case", () => {
  const one = recordCaseOf(7);
  assertEquals(recordCaseOf(7), one);
  assert(RECORD_KINDS.includes(one.kind));
}, ["cpu"]);
