/** A model that was fine-tuned on one task starts another one with all weights but the head's. @module */
import { assert, assertEquals } from "@std/assert";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { GLUE_TASKS } from "../../lib/datasets/mod.ts";
import {
  fromPretrained,
  type LionConfig,
  savePretrained,
} from "../../lib/hub/mod.ts";
import { toPyTorchWeights } from "../../lib/io/mod.ts";
import {
  classNames,
  lionBert,
  type LionBertOptions,
  setClassNames,
} from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";

/** The values of a model's weights, by PyTorch's names. */
async function valuesOf(model: LayersModel): Promise<Map<string, unknown>> {
  const values = new Map<string, unknown>();
  for (const [name, weight] of toPyTorchWeights(model)) {
    values.set(name, await weight.array());
    weight.dispose();
  }
  return values;
}

onCpu(
  "a model of MNLI starts RTE, MRPC and STS-B with all weights but the head's",
  () =>
    withFolder(async (folder) => {
      const options: LionBertOptions = {
        ...{ vocabularySize: 20, maxLength: 5, dim: 4, depth: 2, numHeads: 2 },
        ...{ variant: "s", seed: 1 },
        head: "classification",
        numClasses: 3,
      };
      const config: LionConfig = {
        ...{ model_type: "lion", architecture: "lionBert", options },
      };
      const mnli = lionBert(options);
      setClassNames(mnli, GLUE_TASKS.mnli.classes!);
      await savePretrained(`${folder}/mnli`, { model: mnli, config });
      const before = await valuesOf(mnli);
      mnli.dispose();

      const head = ["classifier.bias", "classifier.weight"];
      for (const task of ["rte", "mrpc", "stsb"] as const) {
        const numClasses = GLUE_TASKS[task].classes?.length ?? 1;
        const { model, weights, config } = await fromPretrained(
          `${folder}/mnli`,
          { numClasses, seed: 2 },
        );
        assertEquals(model.outputs[0]!.shape, [null, numClasses]);
        assertEquals([...weights.initial].sort(), head);
        assertEquals([...weights.unused].sort(), head);
        // Neither has the new head anything of the old one, nor the names.
        assertEquals(classNames(model), undefined);
        const after = await valuesOf(model);
        assertEquals([...after.keys()].sort(), [...before.keys()].sort());
        for (const [name, values] of after) {
          const isKept = weights.kept.includes(name);
          assert(isKept !== head.includes(name), name);
          if (isKept) assertEquals(values, before.get(name), name);
        }
        const { length } = after.get("classifier.weight") as number[][];
        assertEquals(length, numClasses);
        const old = before.get("classifier.weight") as number[][];
        const [row] = after.get("classifier.weight") as number[][];
        assert(old.every((values) => String(values) !== String(row)));

        // It is saved and read as any other.
        await savePretrained(`${folder}/${task}`, { model, config });
        const again = await fromPretrained(`${folder}/${task}`);
        assertEquals(again.weights.initial, []);
        assertEquals(await valuesOf(again.model), after);
        for (const one of [model, again.model]) one.dispose();
      }
    }),
);
