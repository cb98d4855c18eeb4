/** Images in folders, each of which is a class. @module */
import {
  assertOneOf,
  assertOptions,
  assertPath,
  optionsOf,
  shown,
  warnOnce,
} from "@lionjs/base";
import { files, pathOf } from "@lionjs/base/files";
import { byCodePoint } from "../../batches/code_point_order.ts";
import { PackedTexts } from "../../batches/packed_texts.ts";
import { contentOf } from "./folder_content.ts";
import {
  assertClassCount,
  type ImageDataset,
  imagesInFiles,
  labelsOf,
} from "./image_dataset.ts";

/** Options of {@linkcode imageFolder}. */
export interface ImageFolderOptions {
  /**
   * The classes, by the names of their folders; a class's index is its label,
   * and other folders are left out.
   * @default all folders, sorted by code point
   */
  classes?: readonly string[] | undefined;
  /**
   * The file name extensions of images, in lower or upper case.
   * @default those that can be decoded: .jpg, .jpeg, .png, .webp, .ppm, .pgm
   */
  extensions?: readonly string[] | undefined;
  /**
   * How a class whose folder has no image is handled: by an error, or as an
   * empty class.
   * @default "fail"
   */
  emptyClasses?: "fail" | "keep" | undefined;
}

const OPTIONS = optionsOf<ImageFolderOptions>()(
  "classes extensions emptyClasses",
);

const EXTENSIONS = [".jpg", ".jpeg", ".png", ".webp", ".ppm", ".pgm"];

/** Images that nothing here decodes, which are left out with a warning. */
const OTHERS = /\.(bmp|tiff?|gif|heic|heif|avif)$/i;

/** Names of folders that are parts of the data rather than classes. */
const PART = /^(train(ing)?|val(id|idation)?|dev|test(ing)?)$/i;

/**
 * Finds the images of a folder with one folder per class, as torchvision's
 * `ImageFolder` does: `cats/tabby/01.jpg` and `cats/02.png` are of the class
 * `cats`.
 *
 * Classes are sorted by code point, and so are the images of a class, by folder
 * and then by name. Links are followed. Files with other extensions, such as
 * `Thumbs.db`, are ignored, and a warning names images of kinds that cannot be
 * decoded, such as .bmp and .gif; the decoder goes by a file's first bytes, not by
 * its extension. Another warns of folders called train and val, which are parts.
 *
 * Source: torchvision's `datasets/folder.py`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { imageFolder } from "@lionjs/lion/data";
 *
 * const folder = await Deno.makeTempDir();
 * for (const name of ["dogs", "cats"]) {
 *   await Deno.mkdir(`${folder}/${name}`);
 *   await Deno.writeFile(`${folder}/${name}/1.JPG`, Uint8Array.of(0xff, 0xd8));
 * }
 * const images = await imageFolder(folder);
 * assertEquals(images.classes, ["cats", "dogs"]);
 * assertEquals([...images.labels], [0, 1]);
 *
 * const { name, label, bytes } = await images.get(1);
 * assertEquals([name, label], [`${folder}/dogs/1.JPG`, 1]);
 * assertEquals((await bytes()).length, 2);
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @param folder The folder.
 * @param options See {@linkcode ImageFolderOptions}.
 * @returns The images, of which only the names have been read.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or there is no class.
 * @throws {Error} If the folder of a class is missing, or has no image.
 */
export async function imageFolder(
  folder: string | URL,
  options: ImageFolderOptions = {},
): Promise<ImageDataset> {
  assertOptions("imageFolder", options, OPTIONS);
  const { classes: chosen, extensions = EXTENSIONS, emptyClasses = "fail" } =
    options;
  const root = pathOf(folder, "folder");
  assertPath("folder", root);
  if (chosen !== undefined) assertNames("classes", chosen);
  assertNames("extensions", extensions);
  assertOneOf("emptyClasses", emptyClasses, ["fail", "keep"]);
  const classes = chosen ?? await foldersIn(root);
  if (
    !chosen && classes.length > 1 && classes.every((name) => PART.test(name))
  ) {
    warnOnce(
      `parts ${root}`,
      `${root} has the folders ${
        classes.join(" and ")
      }, which are taken for classes; if they are parts of the data, open each: imageFolder("${root}/${
        classes.at(-1)
      }")`,
    );
  }
  if (classes.length === 0) {
    throw new RangeError(
      `${root} should have a folder for each class, such as ${root}/cats and ${root}/dogs, got none`,
    );
  }
  assertClassCount(classes.length);
  const endings = extensions.map((extension) => extension.toLowerCase());
  const others: string[] = [];
  const isImage = (name: string) => {
    const isOne = endings.some((ending) => name.toLowerCase().endsWith(ending));
    if (!isOne && OTHERS.test(name)) others.push(name);
    return isOne;
  };
  // Paths are from `root` on, to save memory: there may be millions.
  const paths = new PackedTexts();
  const counts: number[] = [];
  for (const name of classes) {
    const found = await filesUnder(`${root}/${name}`, isImage);
    if (found.length === 0 && emptyClasses === "fail") {
      throw new Error(
        `${root}/${name} should have an image, a file that ends in ${
          endings.join(", ")
        }; leave the class out by classes, or keep it by emptyClasses: "keep"`,
      );
    }
    for (const path of found) paths.push(path.slice(root.length));
    counts.push(found.length);
  }
  if (others.length > 0 && options.extensions === undefined) {
    warnOnce(
      `others ${root}`,
      `${root} has ${others.length} images of kinds that cannot be decoded, such as ${
        others[0]
      }, which are left out; convert them to PNG or JPEG`,
    );
  }
  return imagesInFiles(
    [...classes],
    labelsOf(counts),
    (index) => root + paths.get(index),
  );
}

function assertNames(option: string, names: readonly string[]): void {
  const given: unknown = names;
  const isList = Array.isArray(given) &&
    given.every((name) => typeof name === "string");
  if (!isList) {
    throw new TypeError(
      `${option} should be a list of names, got ${shown(given)}`,
    );
  }
  if (new Set(names).size === names.length && !names.includes("")) return;
  throw new RangeError(
    `${option} should be names, each once, got ${shown(names)}`,
  );
}

/** The folders in a folder, and links to folders, sorted. */
async function foldersIn(path: string): Promise<string[]> {
  const { folders } = await contentOf(path);
  return folders.sort(byCodePoint);
}

/**
 * The images in a folder and in the folders within, by folder and then by name.
 *
 * @throws {Error} If a link leads back to a folder that it is in.
 */
async function filesUnder(
  start: string,
  isImage: (name: string) => boolean,
): Promise<string[]> {
  const visited: { path: string; images: string[] }[] = [];
  const visit = async (path: string, above: readonly string[]) => {
    const { folders, names } = await contentOf(path);
    visited.push({ path, images: names.filter(isImage) });
    if (folders.length === 0) return;
    const real = await files().realpath(path);
    if (above.includes(real)) {
      throw new Error(
        `${path} is a link to a folder that it is in, ${real}; remove it`,
      );
    }
    for (const name of folders) {
      await visit(`${path}/${name}`, [...above, real]);
    }
  };
  await visit(start, []);
  return visited
    .sort((a, b) => byCodePoint(a.path, b.path))
    .flatMap(({ path, images }) =>
      images.sort(byCodePoint).map((name) => `${path}/${name}`)
    );
}
