/** Names of the parts of a data set, as files and folders have them. */
export const PART_NAMES = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing"],
} as const;
