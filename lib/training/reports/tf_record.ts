/** Records as TensorFlow frames them in files: their length, content and checksums. @module */

/** What CRC-32C makes of each byte: the polynomial of Castagnoli, its bits reversed. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) {
    rest = rest & 1 ? 0x82f63b78 ^ (rest >>> 1) : rest >>> 1;
  }
  return rest;
});

/** The checksum CRC-32C (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let rest = ~0;
  for (const byte of bytes) rest = TABLE[(rest ^ byte) & 255]! ^ (rest >>> 8);
  return ~rest >>> 0;
}

/** A checksum that is not itself one of what is stored with it: rotated, plus a constant. */
function masked(checksum: number): number {
  return ((checksum >>> 15 | checksum << 17) + 0xa282ead8) >>> 0;
}

/** A record: 8 bytes of its length, their checksum, the content, and its checksum. */
export function tfRecord(content: Uint8Array): Uint8Array {
  const { length } = content;
  const bytes = new Uint8Array(length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(length), true);
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true);
  bytes.set(content, 12);
  view.setUint32(12 + length, masked(crc32c(content)), true);
  return bytes;
}
