/** A cache of results by word, since most words of a text occur again. @module */

/** Largest number of remembered words; where words rarely repeat, more would fill the memory. */
const MOST = 100_000;

/** Longest remembered word; longer ones are texts, which rarely come again. */
const LONGEST = 64;

/** Makes a function of words that remembers its results. */
export function remembered<Made>(
  make: (word: string) => Made,
): (word: string) => Made {
  const known = new Map<string, Made>();
  return (word) => {
    const before = known.get(word);
    if (before !== undefined) return before;
    const made = make(word);
    if (word.length > LONGEST) return made;
    if (known.size === MOST) known.clear();
    known.set(word, made);
    return made;
  };
}
