/** WGSL of row r's number, in vectors that hold four rows each. */
export const ofRow = (name: string, r: number): string =>
  `${name}${r >> 2}[${r % 4}]`;
