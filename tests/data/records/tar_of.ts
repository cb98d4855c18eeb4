/** A tar in the format ustar. */
export function tarOf(
  files: Record<string, string | Uint8Array>,
  { isEnded = true }: { isEnded?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = [];
  const encoder = new TextEncoder();
  for (const [name, file] of Object.entries(files)) {
    const content = typeof file === "string" ? encoder.encode(file) : file;
    const header = new Uint8Array(512);
    header.set(encoder.encode(name));
    header.set(
      encoder.encode(content.length.toString(8).padStart(11, "0")),
      124,
    );
    header.set(encoder.encode("        0"), 148);
    header.set(encoder.encode("ustar\x0000"), 257);
    const sum = header.reduce((sum, byte) => sum + byte, 0);
    header.set(encoder.encode(sum.toString(8).padStart(6, "0") + "\0 "), 148);
    const padded = new Uint8Array(Math.ceil(content.length / 512) * 512);
    padded.set(content);
    blocks.push(header, padded);
  }
  if (isEnded) blocks.push(new Uint8Array(1024));
  const tar = new Uint8Array(
    blocks.reduce((length, block) => length + block.length, 0),
  );
  let at = 0;
  for (const block of blocks) {
    tar.set(block, at);
    at += block.length;
  }
  return tar;
}
