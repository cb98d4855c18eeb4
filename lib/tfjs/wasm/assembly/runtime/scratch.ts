// Scratch memory of a thread, laid out block by block.
/** The address of the next block, a multiple of a cache line's 64 bytes. */
let end: usize = 0;

/** Begins a layout at an address. */
export function layoutFrom(base: usize): void {
  end = (base + 63) & ~63;
}

/**
 * Takes the next `bytes` bytes, from a cache line on; 0 bytes give the layout's end.
 */
export function allocate(bytes: usize): usize {
  const start = end;
  end = (start + bytes + 63) & ~63;
  return start;
}
