/** The CRC of each single byte. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) {
    rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  }
  return rest;
});

/**
 * The checksum of PNG, gzip and zip: CRC-32 of ISO 3309.
 *
 * @param before The checksum of the parts before.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let rest = ~before;
  for (let i = 0; i < bytes.length; i++) {
    rest = TABLE[(rest ^ bytes[i]!) & 255]! ^ (rest >>> 8);
  }
  return ~rest >>> 0;
}
