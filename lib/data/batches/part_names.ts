/** What the parts of a data set are called, in names of files and folders. */
export const PART_NAMES = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing"],
} as const;
