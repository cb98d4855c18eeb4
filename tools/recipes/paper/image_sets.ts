/** ImageNet and CIFAR-100, on which the paper's classifiers were trained. @module */
import { cifar, imageNet } from "@lionjs/lion/datasets";
import { CIFAR, DECAYS, DIRECTIONS, PARTS } from "../image_comparisons.ts";
import { IMAGENET_FIGURES } from "../image_net_figures.ts";
import { writeFewCifar100, writeFewImageNet } from "./few_images.ts";
import type { PaperRecipe } from "./paper_recipe.ts";
import { visionRecipe } from "./vision.ts";

const ABOUT =
  "Images of 224 × 224 pixels in patches of 16 × 16, by DeiT's recipe: " +
  "300 epochs of batches of 1,024; random parts of images, RandAugment, erased " +
  "rectangles, mixup and cutmix, smoothed labels; AdamW. Snake orders wind through " +
  "rows and columns. DeiT (softmax) and Vim classify by a class token, the others by " +
  "the mean of all tokens.";

/** ImageNet-1k. */
export const imageNetRecipe: PaperRecipe = visionRecipe({
  title: "ImageNet",
  about: `${ABOUT} Accuracy is that on the 50,000 images for validation.`,
  files: {
    lookedFor: [
      "train/n01440764/*.JPEG and val/n01440764/*.JPEG and so on; or",
      "ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz; or",
      "Kaggle's ILSVRC/Data/CLS-LOC with LOC_val_solution.csv and LOC_synset_mapping.txt; or",
      "data/train-00000-of-00294.parquet and so on",
    ],
    commands: [
      "hf download ILSVRC/imagenet-1k --repo-type dataset --local-dir FOLDER",
      "  (accept the conditions at https://huggingface.co/datasets/ILSVRC/imagenet-1k",
      "  first; --hub needs that, too, and a token in HF_TOKEN)",
      "or, with an account, https://image-net.org/challenges/LSVRC/2012",
    ],
    hub: {
      data: {
        repo: "ILSVRC/imagenet-1k",
        include: ["data/train-*.parquet", "data/validation-*.parquet"],
      },
    },
    writeFew: writeFewImageNet,
  },
  sizes: ["small", "tiny", "base"],
  images: 1_281_167,
  classes: 1000,
  published: {
    tiny: { "ImageNet, paper": IMAGENET_FIGURES.tiny },
    small: { "ImageNet, paper": IMAGENET_FIGURES.small },
    base: { "ImageNet, paper": IMAGENET_FIGURES.base },
  },
  distils: true,
  load: async (folder) => ({
    train: await imageNet(folder, { part: "train" }),
    test: await imageNet(folder, { part: "val" }),
  }),
});

/** CIFAR-100 in ImageNet's size. */
export const cifar100Recipe: PaperRecipe = visionRecipe({
  title: "CIFAR-100",
  about:
    `CIFAR-100, enlarged. ${ABOUT} Accuracy is that on the 10,000 test images.`,
  notes: [
    "Pixels are scaled by ImageNet's mean and deviation, as in DeiT's code.",
  ],
  files: {
    lookedFor: [
      "cifar-100-binary or cifar-100-python, or the archive of either; or",
      "cifar100/train-00000-of-00001.parquet and the one of test",
    ],
    commands: [
      "curl -O https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
      "hf download uoft-cs/cifar100 --repo-type dataset --local-dir FOLDER",
    ],
    hub: {
      data: { repo: "uoft-cs/cifar100", include: ["cifar100/*.parquet"] },
    },
    writeFew: writeFewCifar100,
  },
  sizes: ["tiny", "small", "base"],
  images: 50_000,
  classes: 100,
  published: { tiny: CIFAR },
  comparisons: { decay: DECAYS, parts: PARTS, directions: DIRECTIONS },
  load: async (folder) => ({
    train: await cifar(folder, { classes: 100, part: "train" }),
    test: await cifar(folder, { classes: 100, part: "test" }),
  }),
});
