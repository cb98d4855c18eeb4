import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadFashionMnist } from "../../lib/datasets/mod.ts";
import { withFolder } from "../io/files.ts";

const SIZES = { train: 3, t10k: 2 };

/** The files of a small Fashion-MNIST: image i has the pixels i, and label 9 - i. */
function smallFiles(): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [part, size] of Object.entries(SIZES)) {
    const images = new Uint8Array(16 + size * 784);
    images.set([0, 0, 8, 3, 0, 0, 0, size, 0, 0, 0, 28, 0, 0, 0, 28]);
    for (let i = 0; i < size; i++) {
      images.fill(i, 16 + i * 784, 16 + (i + 1) * 784);
    }
    const labels = new Uint8Array(8 + size);
    labels.set([0, 0, 8, 1, 0, 0, 0, size]);
    for (let i = 0; i < size; i++) labels[8 + i] = 9 - i;
    files.set(`${part}-images-idx3-ubyte`, images);
    files.set(`${part}-labels-idx1-ubyte`, labels);
  }
  return files;
}

async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

Deno.test("loadFashionMnist() reads a folder's files, compressed or not", () =>
  withFolder(async (folder) => {
    for (const [name, bytes] of smallFiles()) {
      // Of each kind some.
      if (name.startsWith("train")) {
        await Deno.writeFile(`${folder}/${name}`, bytes);
      } else await Deno.writeFile(`${folder}/${name}.gz`, await gzipped(bytes));
    }
    const { train, test } = await loadFashionMnist({ folder });
    assertEquals([train.size, test.size], [3, 2]);
    assertEquals([...train.labels], [9, 8, 7]);
    assertEquals([...test.labels], [9, 8]);
    assert(train.get(2).pixels.every((pixel) => pixel === 2));
    assert(test.get(1).pixels.every((pixel) => pixel === 1));
    assertEquals(test.get(0).label, 9); // an ankle boot
  }));

Deno.test("loadFashionMnist() says what is missing, and what is broken", () =>
  withFolder(async (folder) => {
    await assertRejects(
      () => loadFashionMnist({ folder }),
      Error,
      // All four are read at once: any of them may be the first to be missed.
      "-ubyte.gz: install Debian's package dataset-fashion-mnist",
    );
    for (const [name, bytes] of smallFiles()) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    const name = `${folder}/train-labels-idx1-ubyte`;
    await Deno.remove(name);
    const whole = await gzipped(new Uint8Array(1000));
    await Deno.writeFile(`${name}.gz`, whole.subarray(0, whole.length - 9));
    await assertRejects(
      () => loadFashionMnist({ folder }),
      SyntaxError,
      "train-labels-idx1-ubyte.gz should be gzip, and whole",
    );
    await assertRejects(
      () => loadFashionMnist({ folder: 5 as unknown as string }),
      TypeError,
      "folder should be a path, got 5",
    );
  }));
