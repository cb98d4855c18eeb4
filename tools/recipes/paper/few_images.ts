/** A few images in the formats of published sets, to see that everything runs. @module */
import { encodePNG } from "@lionjs/notebook/png";
import { pathfinder } from "../tasks/pathfinder.ts";

/** The classes of CIFAR-10, as `batches.meta.txt` has them. */
const THINGS = "airplane automobile bird cat deer dog frog horse ship truck";

/** Channels of an image of CIFAR. */
const PLANES = 3 * 32 * 32;

/** Writes some images of CIFAR-10 in its binary version. */
export async function writeFewCifar10(folder: string): Promise<void> {
  const place = `${folder}/cifar-10-batches-bin`;
  await Deno.mkdir(place);
  for (const name of ["1", "2", "3", "4", "5"]) {
    await Deno.writeFile(`${place}/data_batch_${name}.bin`, records(4, 1));
  }
  await Deno.writeFile(`${place}/test_batch.bin`, records(10, 1));
  await Deno.writeTextFile(
    `${place}/batches.meta.txt`,
    `${THINGS.replaceAll(" ", "\n")}\n\n`,
  );
}

/** Writes some images of CIFAR-100 in its binary version; names of classes are made up. */
export async function writeFewCifar100(folder: string): Promise<void> {
  const place = `${folder}/cifar-100-binary`;
  await Deno.mkdir(place);
  await Deno.writeFile(`${place}/train.bin`, records(8, 2));
  await Deno.writeFile(`${place}/test.bin`, records(4, 2));
  for (const [kind, count] of [["fine", 100], ["coarse", 20]] as const) {
    const names = Array.from({ length: count }, (_, i) => `${kind}_${i}\n`);
    await Deno.writeTextFile(
      `${place}/${kind}_label_names.txt`,
      `${names.join("")}\n`,
    );
  }
}

/** Two JPEGs of 32 × 24 pixels, by the WordNet ID of their class. */
const JPEGS = {
  n01440764:
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAYACADASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAAIDBP/EABUQAQEAAAAAAAAAAAAAAAAAAAEA/8QAFgEBAQEAAAAAAAAAAAAAAAAAAwEE/8QAFhEBAQEAAAAAAAAAAAAAAAAAAAEC/9oADAMBAAIRAxEAPwDkWhYtKwyN2tC0LFpWSQOtNVoWSkXVStCySQGq/9k=",
  n02129165:
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKT/wAARCAAYACADASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAME/8QAFRABAQAAAAAAAAAAAAAAAAAAAgD/xAAYAQACAwAAAAAAAAAAAAAAAAACAwABBP/EABYRAQEBAAAAAAAAAAAAAAAAAAABAv/aAAwDAQACEQMRAD8AzA1iYTWBtmtEyANYmE1iZGtDkYwaxMleqkWJrAySNUUf/9k=",
};

/** Writes some images of ImageNet in folders. */
export async function writeFewImageNet(folder: string): Promise<void> {
  for (const [part, count] of [["train", 4], ["val", 2]] as const) {
    for (const [id, text] of Object.entries(JPEGS)) {
      await Deno.mkdir(`${folder}/${part}/${id}`, { recursive: true });
      const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
      for (let i = 0; i < count; i++) {
        await Deno.writeFile(`${folder}/${part}/${id}/${id}_${i}.JPEG`, bytes);
      }
    }
  }
}

/** Records of labels, which count up to 9, and planes of one brightness. */
function records(count: number, labels: number): Uint8Array {
  const size = labels + PLANES;
  const bytes = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(i * size, (i + 1) * size);
    record.fill(25 * (i % 10), labels);
    record.fill(i % 10, 0, labels);
  }
  return bytes;
}

/** Images of each label, of which a tenth is one. */
const OF_EACH_LABEL = 10;

/** Writes some images of Pathfinder as they are released; large ones are enlarged. */
export async function writeFewPathfinder(
  folder: string,
  side: 32 | 128,
): Promise<void> {
  const place = `${folder}/pathfinder${side}/curv_contour_length_14`;
  await Deno.mkdir(`${place}/imgs/0`, { recursive: true });
  await Deno.mkdir(`${place}/metadata`);
  const made = pathfinder({ size: 400, part: "train" });
  const left = [OF_EACH_LABEL, OF_EACH_LABEL];
  const lines: string[] = [];
  for (let i = 0; lines.length < 2 * OF_EACH_LABEL; i++) {
    const { pixels, label } = made.get(i);
    if (left[label]! === 0) continue;
    left[label]!--;
    const name = `sample_${lines.length}.png`;
    await Deno.writeFile(`${place}/imgs/0/${name}`, enlarged(pixels, side));
    lines.push(`imgs/0 ${name} ${lines.length} ${label} 1 1 14 5 0`);
  }
  await Deno.writeTextFile(`${place}/metadata/0.npy`, `${lines.join("\n")}\n`);
}

/** A PNG of a grey image of 32 × 32 pixels, each of which is a square. */
function enlarged(pixels: Uint8Array, side: number): Uint8Array {
  const data = new Uint8Array(4 * side ** 2).fill(255);
  for (let at = 0; at < side ** 2; at++) {
    const [row, column] = [Math.floor(at / side), at % side]
      .map((place) => Math.floor(place * 32 / side));
    data.fill(pixels[row! * 32 + column!]!, 4 * at, 4 * at + 3);
  }
  return encodePNG({ width: side, height: side, data });
}
