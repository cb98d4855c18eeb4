/**
 * Damaged checkpoints are never taken for whole ones. `deno task fuzz --only
 * checkpoints` tries more damages.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { newestCheckpoint } from "../../lib/training/checkpoint.ts";
import { train } from "../../lib/training/mod.ts";
import { onCpu, withFolder } from "../io/files.ts";
import { uniform } from "../random.ts";
import { Checkpoints } from "./checkpoint_damages.ts";
import { tinyData, tinyModel, tinyOptions } from "./tiny.ts";

const DAMAGES = 1000;

onCpu(
  "no damage of a checkpoint goes unnoticed",
  () =>
    withFolder(async (folder) => {
      const checkpoints = await Checkpoints.in(folder);
      const random = uniform(6);
      for (let i = 0; i < DAMAGES; i++) {
        await checkpoints.damage(i % 4 === 0 ? "any" : "the newest", random);
      }
      console.log(`${DAMAGES} damages, accidents: 0`);
    }),
);

onCpu(
  "a checkpoint under another's name is refused",
  () =>
    withFolder(async (folder) => {
      const model = tinyModel({ depth: 1 });
      await train(
        model,
        tinyData(),
        tinyOptions({ steps: 4, checkpoints: { folder, every: 2 } }),
      );
      model.dispose();
      await Deno.rename(`${folder}/step-000004`, `${folder}/step-000006`);
      const warn = console.warn;
      const warnings: string[] = [];
      console.warn = (text: string) => warnings.push(text);
      const found = await newestCheckpoint(folder);
      console.warn = warn;
      assertEquals(found!.steps, 2);
      tf.dispose([...found!.tensors.values()]);
      assert(
        warnings[0]!.includes("step-000006 should hold the step in its name"),
      );
      // More files than it was written with are nobody's business.
      await Deno.rename(`${folder}/step-000006`, `${folder}/step-000004`);
      await Deno.writeTextFile(`${folder}/step-000004/notes.txt`, "mine");
      const newest = await newestCheckpoint(folder);
      assertEquals(newest!.steps, 4);
      tf.dispose([...newest!.tensors.values()]);
    }),
);
