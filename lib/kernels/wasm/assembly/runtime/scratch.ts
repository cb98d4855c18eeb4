// Scratch memory of a thread, laid out piece by piece.
let end: usize = 0;

/** Begins a layout. */
export function layoutFrom(base: usize): void {
  end = (base + 63) & ~63;
}

/** The next so many bytes of scratch, from a cache line on; of none, the end. */
export function allocate(bytes: usize): usize {
  const start = end;
  end = (start + bytes + 63) & ~63;
  return start;
}
