/** A folder's images are found as torchvision finds them. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { byCodePoint } from "../../../lib/data/batches/code_point_order.ts";
import {
  imageFolder,
  type ImageFolderOptions,
} from "../../../lib/data/images/datasets/image_folder.ts";
import { withFolder } from "../../io/files.ts";
import { NO_PILLOW, runPillow } from "../python.ts";

/** Writes empty files, and the folders that they are in. */
async function touch(folder: string, names: readonly string[]) {
  for (const name of names) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(path, name);
  }
}

const NAMES = [
  ...["b/1.jpg", "b/10.jpg", "b/2.JPEG", "b/Z.png", "b/a.Png", "b/ä.webp"],
  ...["B/1.tif", "B/x.jpg/1.bmp", "B/a-b/1.jpg", "B/a/b/1.jpg", "B/a/1.jpg"],
  ...["Ａ/Ａ.jpg", "Ａ/🦁.jpg", "🦁/1.jpg", ".hidden/.1.jpg", "ä/1.pgm"],
  ...["b/Thumbs.db", "b/README.md", "b/jpg", "b/1.jpg.txt", "1.jpg"],
];

Deno.test({
  name: "imageFolder finds what torchvision's ImageFolder finds",
  ...NO_PILLOW,
  fn: () =>
    withFolder(async (folder) => {
      await touch(`${folder}/images`, NAMES);
      await touch(folder, ["elsewhere/1.jpg", "elsewhere/2.jpg"]);
      const { symlink } = Deno;
      await symlink(`${folder}/elsewhere`, `${folder}/images/linked`);
      await symlink(`${folder}/elsewhere`, `${folder}/images/b/more`);
      await symlink(`${folder}/elsewhere/1.jpg`, `${folder}/images/b/3.jpg`);
      await symlink(`${folder}/nowhere.jpg`, `${folder}/images/b/4.jpg`);
      const root = `${folder}/images`;
      const truth = await runPillow<
        { classes: string[]; samples: [string, number][] }
      >("list_folder.py", root);
      const extensions = [
        ...[".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff"],
        ".webp",
      ];
      const images = await imageFolder(root, { extensions });
      assertEquals(images.classes, truth.classes);
      assertEquals(images.size, truth.samples.length);
      assertEquals([...images.labels], truth.samples.map(([, label]) => label));
      for (const [i, [path, label]] of truth.samples.entries()) {
        const image = await images.get(i);
        assertEquals([image.name, image.label], [path, label]);
      }
      const { bytes } = await images.get(0);
      assertEquals(new TextDecoder().decode(await bytes()), ".hidden/.1.jpg");
    }),
});

Deno.test("code points are compared as Python does", () => {
  const sorted = ["", "A", "a", "a-", "a/", "aa", "ä", "Ａ", "𐀀", "🦁", "🦁a"];
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) {
      assertEquals(Math.sign(byCodePoint(a, b)), Math.sign(i - j), `${a} ${b}`);
    }
  }
});

Deno.test("imageFolder takes classes in their order, and other extensions", () =>
  withFolder(async (folder) => {
    await touch(folder, ["cat/1.jpg", "dog/1.jpg", "dog/1.jxl", "empty/x"]);
    const images = await imageFolder(new URL(`file://${folder}`), {
      classes: ["dog", "empty", "cat"],
      extensions: [".JXL"],
      emptyClasses: "keep",
    });
    assertEquals(images.classes, ["dog", "empty", "cat"]);
    assertEquals([...images.labels], [0]);
    assertEquals((await images.get(0)).name, `${folder}/dog/1.jxl`);
  }));

Deno.test("imageFolder says what is wrong", () =>
  withFolder(async (folder) => {
    await touch(folder, ["cat/1.jpg", "empty/README.md", "1.jpg"]);
    await Deno.mkdir(`${folder}/none`);
    await Deno.mkdir(`${folder}/cat/a`);
    const wrong: [unknown, unknown, ErrorConstructor, string][] = [
      [folder, { class: [] }, TypeError, "classes"],
      [folder, { classes: "cat" }, TypeError, "list of names"],
      [folder, { classes: ["cat", "cat"] }, RangeError, "each once"],
      [folder, { emptyClasses: "skip" }, RangeError, '"keep"'],
      [folder, {}, Error, `${folder}/empty should have an image`],
      [`${folder}/none`, {}, RangeError, "a folder for each class"],
      [`${folder}/nowhere`, {}, Error, "nothing there"],
      [folder, { classes: ["dog"] }, Error, `${folder}/dog`],
      ["", {}, RangeError, "folder should be a path"],
      [1, {}, TypeError, "path"],
    ];
    for (const [path, options, type, said] of wrong) {
      await assertRejects(
        () => imageFolder(path as string, options as ImageFolderOptions),
        type,
        said,
      );
    }
    const images = await imageFolder(folder, { classes: ["cat"] });
    await assertRejects(async () => await images.get(1), RangeError, "below 1");
    await Deno.symlink(`${folder}/cat`, `${folder}/cat/a/round`);
    const error = await imageFolder(folder, { classes: ["cat"] })
      .catch(({ message }) => message);
    assert(/a folder that it is in/.test(error), error);
  }));

/** Runs, and returns what it warned of. */
async function warnings(run: () => Promise<unknown>): Promise<string[]> {
  const { warn } = console;
  const texts: string[] = [];
  console.warn = (...args) => void texts.push(args.join(" "));
  try {
    await run();
    return texts;
  } finally {
    console.warn = warn;
  }
}

Deno.test("images that nothing decodes are left out with a warning, and parts are not taken for classes in silence", () =>
  withFolder(async (folder) => {
    await touch(folder, ["a/1.jpg", "a/2.bmp", "a/3.GIF", "b/1.png"]);
    let size = 0;
    const others = await warnings(async () => {
      ({ size } = await imageFolder(folder));
    });
    assertEquals(size, 2);
    assertEquals(others.length, 1);
    assert(others[0]!.includes("2 images of kinds that cannot be decoded"));
    await touch(`${folder}/parts`, ["train/a/1.jpg", "val/a/1.jpg"]);
    const parts = await warnings(() => imageFolder(`${folder}/parts`));
    assertEquals(parts.length, 1);
    assert(parts[0]!.includes("train and val, which are taken for classes"));
    assertEquals(await warnings(() => imageFolder(`${folder}/parts`)), []);
  }));
