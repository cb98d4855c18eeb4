/** What the recipe of a model package is: its stages, from data to its card. @module */

/** What each stage is given. */
export interface ModelRun {
  /** Where data, checkpoints and results are kept, without a slash at the end. */
  readonly folder: string;
  /** Where the package is, or the page's weights. */
  readonly target: URL;
  /** Whether all is tiny, to see that it runs. */
  readonly isSmoke: boolean;
  /** Steps of training. @default the recipe's */
  readonly steps?: number | undefined;
  /** Minutes after which training ends as it is. @default none */
  readonly minutes?: number | undefined;
  /** Puzzles, texts or the like of each kind that are tested. @default the recipe's */
  readonly tested?: number | undefined;
  /** Threads of the backend, of which results depend in their last digits. */
  readonly threads: number;
  /** A file of a user's own, with which a package's training goes on. @default none */
  readonly data?: string | undefined;
  /** What the card should say beside what it knows. @default nothing */
  readonly note?: string | undefined;
  /** Ends the work; the same command continues it. */
  readonly signal: AbortSignal;
  /** Says what happens. */
  readonly say: (line: string) => void;
}

/** The recipe of a model package. */
export interface ModelRecipe {
  /** One line for `--help`. */
  readonly title: string;
  /** The folder of what is made, from the root of the repository on. */
  readonly target: string;
  /** The stages by name, in order; each keeps what it makes, and continues it. */
  readonly stages: Readonly<Record<string, (run: ModelRun) => Promise<void>>>;
}
