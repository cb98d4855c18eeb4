/** Models that teach classifiers of images: what they see, and what they are asked for. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { evalTransform } from "../../lib/data/mod.ts";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import { train } from "../../lib/training/mod.ts";
import { lionViT, type LionViTOptions } from "../../mod.ts";
import * as tf from "@tensorflow/tfjs-core";
import { CannotBegin } from "../../tools/recipes/needed_files.ts";
import { PAPER_RECIPES } from "../../tools/recipes/paper/paper_recipes.ts";
import { visionTeacher } from "../../tools/recipes/paper/vision_teacher.ts";
import { onEachBackend } from "../backends.ts";
import { withFolder } from "../io/files.ts";

/** Writes a small teacher of five classes, whose scale of pixels is another than ImageNet's. */
async function writeTeacher(folder: string): Promise<void> {
  const options = {
    ...{ imageSize: 48, patchSize: 16, numClasses: 5 },
    ...{ dim: 8, depth: 1, numHeads: 2, variant: "softmax", seed: 1 },
  } satisfies LionViTOptions;
  const model = lionViT(options);
  await savePretrained(folder, {
    model,
    config: { model_type: "lion", architecture: "lionViT", options },
    preprocessing: {
      transform: evalTransform({ size: 48 }),
      mean: [0.5, 0.4, 0.3],
      deviation: [0.5, 0.25, 1],
    },
  });
  model.dispose();
}

onEachBackend(
  "a teacher sees what models see, on its own scale and in its own size",
  () =>
    withFolder(async (folder) => {
      await writeTeacher(folder);
      const before = tf.memory().numTensors;
      const { teacher, dispose } = await visionTeacher(folder, {
        ...{ classes: 5, isSmoke: false },
      });
      const ask = teacher as (inputs: tf.Tensor[]) => tf.Tensor;
      assertEquals(ask.name, folder);
      const { model } = await fromPretrained(folder);
      const pairs = tf.tidy(() => {
        const pixels = tf.randomUniform([2, 48, 48, 3], 0, 1, "float32", 1);
        const seen = tf.div(
          tf.sub(pixels, [0.485, 0.456, 0.406]),
          [0.229, 0.224, 0.225],
        );
        const own = tf.div(tf.sub(pixels, [0.5, 0.4, 0.3]), [0.5, 0.25, 1]);
        // A picture of one colour is the same in each size.
        const small = tf.ones([1, 32, 32, 3]), large = tf.ones([1, 48, 48, 3]);
        return [
          [ask([seen]), model.apply(own) as tf.Tensor],
          [ask([small]), ask([large])],
        ] as const;
      });
      for (const [found, wanted] of pairs) {
        const values = await wanted.data();
        for (const [i, value] of (await found.data()).entries()) {
          assertAlmostEquals(value, values[i]!, 1e-4);
        }
        tf.dispose([found, wanted]);
      }
      model.dispose();
      dispose();
      assertEquals(tf.memory().numTensors, before);
    }),
  ["cpu"],
);

onEachBackend(
  "a teacher that cannot teach is refused, and nothing of it is kept",
  () =>
    withFolder(async (folder) => {
      await writeTeacher(folder);
      const before = tf.memory().numTensors;
      const asked = (source: string) =>
        visionTeacher(source, { classes: 1000, isSmoke: false });
      await assertRejects(
        () => asked(folder),
        CannotBegin,
        "should be a classifier of images in 1000 classes",
      );
      await Deno.mkdir(`${folder}/empty`);
      await assertRejects(
        () => asked(`${folder}/empty`),
        CannotBegin,
        "should have a config.json",
      );
      assertEquals(tf.memory().numTensors, before);
    }),
  ["cpu"],
);

onEachBackend(
  "ImageNet's models learn from a teacher, with hard labels and soft ones",
  () =>
    withFolder(async (folder) => {
      const teacher = `${folder}/teacher`;
      await writeTeacher(teacher);
      const recipe = PAPER_RECIPES["imagenet"]!.of({
        ...{ task: "distillation", size: "tiny", teacher },
      });
      const data = `${folder}/data`;
      await recipe.files!.writeFew(data);
      const open = await recipe.open("smoke", { data, tokenizer: data });
      const before = tf.memory().numTensors;
      for (const labels of ["hard", "soft"]) {
        const contender = recipe.contenders.find(({ name }) =>
          name === `lion-s, ${labels} labels`
        )!;
        // By what is kept of it, a training by another teacher is another one.
        assertEquals(contender.teacher, teacher);
        const { model, data, options, dispose } = await open.trial({
          ...{ contender, seed: 1, steps: 1, rate: 1e-3 },
          folderOf: () => folder,
        });
        assertEquals(options.distillation!.labels, labels);
        const { losses } = await train(model, data, {
          ...{ ...options, steps: 1, progress: false },
        });
        assert(losses.every(Number.isFinite), `${losses}`);
        model.dispose();
        dispose!();
      }
      assertEquals(tf.memory().numTensors, before);
    }),
  ["cpu"],
);

Deno.test("ImageNet's distillation asks for a teacher, and other tasks for none", () => {
  const { of, takes } = PAPER_RECIPES["imagenet"]!;
  assertEquals(takes, ["teacher"]);
  const task = "distillation";
  assertThrows(() => of({ task }), RangeError, "should be with --teacher");
  assertThrows(
    () => of({ teacher: "owner/name" }),
    RangeError,
    "--teacher should be with --task distillation, got models",
  );
  const { contenders, published } = of({
    ...{ task, size: "tiny", teacher: "owner/name" },
  });
  assertEquals(contenders.map(({ name, teacher }) => [name, teacher]), [
    ["softmax", undefined],
    ["softmax, hard labels", "owner/name"],
    ["softmax, soft labels", "owner/name"],
    ["lion-s", undefined],
    ["lion-s, hard labels", "owner/name"],
    ["lion-s, soft labels", "owner/name"],
  ]);
  assertEquals(published, {
    "ImageNet (tiny), paper": { "lion-s": 67.95, "lion-s, hard labels": 70.44 },
  });
});
