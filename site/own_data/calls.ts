/** What the page asks of the worker that trains on a visitor's data. @module */
import type { Device } from "../device.ts";

/** A file, and its path from the folder that was dropped. */
export interface NamedFile {
  readonly path: string;
  readonly file: File;
}

/** A picture, whose class its folder says. */
export interface ClassedFile extends NamedFile {
  readonly className: string;
}

/** A file or a row that is not trained on, and why. */
export interface PassedOver {
  readonly name: string;
  readonly reason: string;
}

/** A class, and how many examples it has. */
export interface ClassCount {
  readonly name: string;
  readonly count: number;
}

/** The pictures that there are. */
export interface FoundPictures {
  readonly classes: readonly ClassCount[];
  readonly passed: readonly PassedOver[];
}

/** The table that there is. */
export interface FoundTable {
  readonly columns: readonly string[];
  readonly rows: number;
  /** The columns that look like texts and their classes. */
  readonly guess: Columns;
  readonly passed: readonly PassedOver[];
}

/** The columns of a table that are trained on. */
export interface Columns {
  readonly text: string;
  readonly label: string;
}

/** How to train. */
export interface Settings {
  readonly backend: Device["backend"];
  readonly steps: number;
  /** Of a table. */
  readonly columns?: Columns;
  /** Whether a picture's mirror image is of its class, too. */
  readonly mirrors: boolean;
}

/** How far decoding or training is. */
export type News =
  | { readonly kind: "decoded"; readonly count: number }
  | { readonly kind: "step"; readonly step: number; readonly loss: number }
  | {
    readonly kind: "held out";
    readonly step: number;
    readonly loss: number;
    readonly accuracy: number;
  };

/** What the page tells the worker while it trains. */
export type Wish = "stop";

/** An example that was held out, and what the model makes of it. */
export interface Answered {
  readonly name: string;
  /** The indices of its class, and of the one that it is taken for. */
  readonly label: number;
  readonly predicted: number;
  /** The probability of the latter. */
  readonly probability: number;
}

/** What has been learned. */
export interface Learned {
  readonly device: string;
  readonly classes: readonly string[];
  readonly trained: number;
  /** Examples that are not trained on, as of a table's columns. */
  readonly passed: readonly PassedOver[];
  /** Of the examples that were held out: a row for each class, a column for each answer. */
  readonly confusion: readonly (readonly number[])[];
  readonly heldOut: readonly Answered[];
  readonly steps: number;
  readonly seconds: number;
}

/** The worker's functions; news come through the ports. */
export interface TrainerCalls {
  readPictures(
    files: readonly ClassedFile[],
    port: MessagePort,
  ): Promise<FoundPictures>;
  readTable(file: File): Promise<FoundTable>;
  /** Trains anew on what was read; the model is kept. */
  train(settings: Settings, port: MessagePort): Promise<Learned>;
  /** A zip of the model and what is needed to use it. */
  save(): Promise<Uint8Array<ArrayBuffer>>;
  /** The model as an ONNX file. */
  saveOnnx(): Promise<Uint8Array<ArrayBuffer>>;
}
