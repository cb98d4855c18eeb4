/** Whatever changes in a model while it is trained, recorded steps see it. */
import { assert, assertEquals } from "@std/assert";
import type { BackendName } from "@lionjs/lion";
import { onEachBackend } from "../backends.ts";
import { ofLongTests, sample } from "../sample.ts";
import {
  RECORD_KINDS,
  recordCaseOf,
  type RecordKind,
  runRecordCase,
  someRecordCasesOf,
} from "./record_mutations.ts";

function addTest(kind: RecordKind, backends: readonly BackendName[]): void {
  onEachBackend(`changes in training: ${kind}`, async (backend) => {
    const { warn } = console;
    console.warn = () => {}; // of trainable weights, by tfjs
    try {
      let batches = 0;
      const cases = sample(backend, someRecordCasesOf(kind, 6));
      for (const one of cases) batches += await runRecordCase(one);
      // A single case may be one whose change ends the training.
      assert(batches > 0 || cases.length === 1);
    } finally {
      console.warn = warn;
    }
  }, { only: backends, sampled: true });
}

const [first, ...others] = RECORD_KINDS;
addTest(first!, ["webgpu", "wasm"]);
// Each kind has shaders of its own.
for (const kind of others) {
  addTest(kind, ["wasm"]);
  addTest(kind, ofLongTests(["webgpu"]));
}

onEachBackend("a seed is a case", () => {
  const one = recordCaseOf(7);
  assertEquals(recordCaseOf(7), one);
  assert(RECORD_KINDS.includes(one.kind));
}, ["cpu"]);
