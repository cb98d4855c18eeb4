/** Conversion of bfloat16, the upper half of a float32. @module */

/** Converts bfloat16 to float32, exactly. */
export function fromBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

/** Rounds float32 to the nearest bfloat16, ties to even. */
export function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) {
    const upper = bits[i]! >>> 16;
    halves[i] = Number.isNaN(values[i])
      // Truncated or rounded, a NaN could become infinite: this bit prevents it.
      ? upper | 0x40
      : (bits[i]! + 0x7fff + (upper & 1)) >>> 16;
  }
  return halves;
}
