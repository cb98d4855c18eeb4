/** Files such as a person has them: images of two classes, and a table of texts. @module */
import { crc32, deflateSync } from "node:zlib";

/** A PNG of one colour. */
function png(side: number, colour: readonly number[]): Uint8Array {
  const row = [0, ...Array.from({ length: side }, () => colour).flat()];
  const rows = Array.from({ length: side }, () => row).flat();
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, side);
  header.setUint32(4, side);
  header.setUint16(8, 0x0802); // 8 bits, RGB
  const chunk = (name: string, content: Uint8Array) => {
    const bytes = new Uint8Array(content.length + 12);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, content.length);
    bytes.set(new TextEncoder().encode(name), 4);
    bytes.set(content, 8);
    view.setUint32(
      content.length + 8,
      crc32(bytes.subarray(4, content.length + 8)),
    );
    return [...bytes];
  };
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk("IHDR", new Uint8Array(header.buffer)),
    ...chunk("IDAT", deflateSync(Uint8Array.from(rows))),
    ...chunk("IEND", new Uint8Array()),
  ]);
}

/** Writes images of two classes, reddish and bluish, into a folder for each. */
export async function writeImages(folder: string): Promise<void> {
  for (const [name, hue] of [["lion", 0], ["seal", 2]] as const) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    for (let i = 0; i < 20; i++) {
      const colour = [i * 3, i * 2, i];
      colour[hue] = 200 + i;
      const file = `${folder}/${name}/${i}.png`;
      await Deno.writeFile(file, png(20 + i, colour));
    }
  }
}

/** Writes a table of texts with the columns `text` and `label`. */
export async function writeReviews(path: string, count = 60): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => {
    const [word, label] = i % 2 ? ["dull", "bad"] : ["fine", "good"];
    return `"Number ${i}, it is ${word}.",${label}\n`;
  });
  await Deno.writeTextFile(path, `text,label\n${rows.join("")}`);
}
