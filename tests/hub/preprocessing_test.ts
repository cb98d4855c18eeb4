/** What preprocessor_config.json says of images, read and written. @module */
import { assertEquals, assertRejects } from "@std/assert";
import { evalTransform, trainTransform } from "../../lib/data/mod.ts";
import { fromPretrained, savePretrained } from "../../lib/hub/mod.ts";
import type { Preprocessing } from "../../lib/hub/pretrained/preprocessing.ts";
import { lionBert } from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";
import { STATES, VIT, writeModel } from "./directories.ts";

/** Runs with a folder of a ViT, and a function that reads what its file says. */
function onModel(
  name: string,
  run: (
    preprocessing: (
      file: object,
      options?: { preprocessing?: boolean },
    ) => Promise<Preprocessing | undefined>,
    folder: string,
  ) => Promise<void>,
): void {
  onCpu(name, () =>
    withFolder(async (folder) => {
      await writeModel(folder, VIT, STATES.vit);
      await run(async (file, options = {}) => {
        const path = `${folder}/preprocessor_config.json`;
        await Deno.writeTextFile(path, JSON.stringify(file));
        const { model, preprocessing } = await fromPretrained(folder, options);
        model.dispose();
        return preprocessing;
      }, folder);
    }));
}

const SQUARE = { step: "square", size: 224, interpolation: "bilinear" };
const HALF = [0.5, 0.5, 0.5], IMAGENET = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];

onModel(
  "fromPretrained() says what is done to images",
  async (read, folder) => {
    const { model, ...found } = await fromPretrained(folder);
    model.dispose();
    assertEquals("preprocessing" in found, false);
    const half = { mean: HALF, deviation: HALF };
    const cases: [file: object, wanted: object][] = [
      // As google/vit-base-patch16-224 has it, and older models.
      [
        {
          ...{ do_normalize: true, do_rescale: true, do_resize: true },
          ...{ image_mean: HALF, image_std: HALF, resample: 2 },
          ...{ image_processor_type: "ViTImageProcessor" },
          ...{ rescale_factor: 0.00392156862745098 },
          size: { height: 224, width: 224 },
        },
        { transform: [SQUARE], ...half },
      ],
      [
        { feature_extractor_type: "ViTFeatureExtractor", size: 224 },
        { transform: [SQUARE], ...half },
      ],
      [{ size: null, do_normalize: false }, {
        transform: [SQUARE],
        ...{ mean: [0, 0, 0], deviation: [1, 1, 1] },
      }],
      [
        {
          ...{ feature_extractor_type: "DeiTFeatureExtractor", crop_size: 224 },
          ...{ image_mean: IMAGENET, image_std: DEVIATION, size: 256 },
        },
        {
          transform: [
            { step: "square", size: 256, interpolation: "bicubic" },
            { step: "centreCrop", size: 224 },
          ],
          ...{ mean: IMAGENET, deviation: DEVIATION },
        },
      ],
      [
        {
          ...{ image_processor_type: "CLIPImageProcessor", resample: 3 },
          ...{ size: { shortest_edge: 256 }, crop_size: 224 },
          ...{ do_center_crop: true, image_mean: 0.5, image_std: 0.5 },
        },
        { transform: evalTransform({ size: 224 }), ...half },
      ],
    ];
    for (const [file, wanted] of cases) {
      assertEquals(await read(file) as unknown, wanted);
    }
    assertEquals(
      await read({ size: "large" }, { preprocessing: false }),
      undefined,
    );
  },
);

onModel("fromPretrained() refuses what no transform does", async (read) => {
  const cases: [file: object, message: string][] = [
    [{ resample: 1 }, "resample 2 (bilinear) or 3 (bicubic) or 4 (box), got 1"],
    [{ size: { height: 224, width: 192 } }, "size the same height and width"],
    [
      { size: "large" },
      'size the same height and width, in pixels, got "large"',
    ],
    [{ size: { shortest_edge: 224 } }, "do_center_crop true: images become"],
    [
      { size: 224, image_processor_type: "CLIPImageProcessor" },
      "size height and width, for CLIP",
    ],
    [{ do_resize: "yes" }, 'do_resize true or false, got "yes"'],
    [{ rescale_factor: 1 }, "rescale_factor 1 / 255, got 1"],
    [
      { do_rescale: false },
      "do_rescale true: pixels are from 0 to 1 here, got false",
    ],
    [{ image_mean: [0.5] }, "image_mean three numbers, of red, green and blue"],
    [{ image_std: [0.5, 0, 0.5] }, "image_std three numbers"],
  ];
  for (const [file, message] of cases) {
    const { message: said } = await assertRejects(
      () => read(file),
      RangeError,
      message,
    );
    assertEquals(
      said.endsWith("; preprocessing: false leaves the file out"),
      true,
    );
  }
});

onModel(
  "savePretrained() writes what is done to images",
  async (read, folder) => {
    const { model, config } = await fromPretrained(folder);
    const half = { mean: HALF, deviation: HALF } as unknown as Preprocessing;
    const all: Preprocessing[] = [
      { ...half, transform: evalTransform({ size: 32 }) },
      {
        ...half,
        transform: [{ ...SQUARE, size: 6 }] as Preprocessing["transform"],
      },
      { ...half, transform: [{ step: "centreCrop", size: 8 }] },
      (await read({ size: 24, do_center_crop: true, crop_size: 16 }))!,
    ];
    for (const preprocessing of all) {
      await savePretrained(folder, { model, config, preprocessing });
      const again = await fromPretrained(folder);
      assertEquals(again.preprocessing, preprocessing);
      again.model.dispose();
    }
    const cases: [wrong: unknown, kind: ErrorConstructor, message: string][] = [
      [{}, TypeError, "preprocessing should be an object such as { transform:"],
      [
        { ...half, transform: trainTransform({ size: 4 }) },
        RangeError,
        "then centreCrop, as evalTransform makes, got randomResizedCrop, flip",
      ],
      [{ ...half, transform: [] }, RangeError, "got no step"],
      [
        {
          transform: evalTransform({ size: 4 }),
          mean: [0, 0],
          deviation: HALF,
        },
        RangeError,
        "image_mean three numbers",
      ],
      [{ transform: [SQUARE] }, TypeError, "mean, deviation }, got"],
      [
        { ...half, transform: [{ ...SQUARE, interpolation: "lanczos" }] },
        RangeError,
        'resample 2 (bilinear) or 3 (bicubic) or 4 (box), got "lanczos"',
      ],
    ];
    for (const [wrong, kind, message] of cases) {
      const preprocessing = wrong as Preprocessing;
      await assertRejects(
        () => savePretrained(folder, { model, config, preprocessing }),
        kind,
        message,
      );
    }
    model.dispose();
    const sizes = { vocabularySize: 9, dim: 4, depth: 1, numHeads: 2 };
    const options = { ...sizes, variant: "lit" } as const;
    const bert = lionBert(options);
    await assertRejects(
      () =>
        savePretrained(folder, {
          model: bert,
          config: { model_type: "lion", architecture: "lionBert", options },
          preprocessing: all[0],
        }),
      RangeError,
      "which lionViT reads; leave it out for lionBert",
    );
    bert.dispose();
  },
);
