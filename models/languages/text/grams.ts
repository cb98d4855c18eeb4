/** The letters of a text as rows of the model's table: runs of one to four, hashed. @module */

/** The most letters of a run. */
export const ORDERS = 4;

/** The code point before the first letter and after the last. */
const SPACE = 32;

/**
 * The hashes, of 32 bits, of the runs that end at each place. Places are the letters, and
 * a space after the last one; the first run begins with a space too.
 *
 * @param letters What `lettersOf` returns.
 * @returns For each place those of one letter, two, three and four; 0 where the text has
 * no such run.
 */
export function hashesOf(letters: string): Uint32Array {
  const points = [SPACE];
  for (const letter of letters) points.push(letter.codePointAt(0)!);
  points.push(SPACE);
  const places = points.length - 1;
  const hashes = new Uint32Array(places * ORDERS);
  for (let place = 0; place < places; place++) {
    let hash = 0x811c9dc5;
    for (let order = 0; order < ORDERS && order <= place + 1; order++) {
      hash = mixed(hash ^ points[place + 1 - order]!);
      hashes[place * ORDERS + order] = hash;
    }
  }
  return hashes;
}

/** Rows of the table, which runs of all lengths share. */
export const TABLE_ROWS = 11_200;

/** The rows of hashes; −1 for no run. */
export function rowsOf(hashes: Uint32Array): Int32Array {
  return Int32Array.from(
    hashes,
    (hash) => hash === 0 ? -1 : hash % TABLE_ROWS,
  );
}

/** A number whose 32 bits all depend on all of another's (the finalizer of MurmurHash3). */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}
