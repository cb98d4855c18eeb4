/** The notebooks in the order of a course, and what each is about. @module */

/** Each by the number that its name begins with, and in a sentence. */
export const COURSE: readonly (readonly [number: string, about: string])[] = [
  ["00", "The whole of it in ten minutes, with things to move"],
  ["01", "Features turn softmax attention into a recurrence, in one direction"],
  ["02", "Decays between two tokens multiply to a mask"],
  ["03", "Two sweeps with a state each compute full attention"],
  ["05", "Gradients are attention again"],
  ["04", "Chunks take the best of both forms"],
  ["14", "A decay for each channel, without overflow"],
  ["11", "One formula for twelve models"],
  ["13", "What one direction cannot see, and two causal models count twice"],
  ["07", "A model that fills gaps in sentences"],
  ["08", "A model that writes, and how its state compares with a cache"],
  ["17", "Filling in tokens in any order"],
  ["09", "How many pairs a state holds, and how a model looks them up"],
  ["16", "What a state can follow, and what it cannot"],
  ["15", "Images read pixel by pixel, with decays from HiPPO"],
  ["06", "A vision transformer, and what it learns to forget"],
  ["18", "Train, save, export, and open in a page"],
  ["12", "For reading: every identity as an exact proof"],
  ["10", "For reading: three figures of times"],
];
