/** Models of this library as plain data. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { savedByName } from "../../layers/options/custom_registry.ts";
import { lionBert, type LionBertOptions } from "../../models/bert.ts";
import { lionEncoder, type LionEncoderOptions } from "../../models/encoder.ts";
import { lionGpt, type LionGptOptions } from "../../models/gpt.ts";
import { lionViT, type LionViTOptions } from "../../models/vit.ts";
import type { ConfigFields } from "./config_fields.ts";

/** The functions that make models, and their options. */
export interface LionOptions {
  /** Options of a bidirectional text model. */
  lionBert: LionBertOptions;
  /** Options of a causal language model. */
  lionGpt: LionGptOptions;
  /** Options of a vision transformer. */
  lionViT: LionViTOptions;
  /** Options of an encoder. */
  lionEncoder: LionEncoderOptions;
}

/** The function that makes a model, and its options. */
export type LionModel = {
  [name in keyof LionOptions]: {
    /** The function that makes the model. */
    readonly architecture: name;
    /** The options of this function. */
    readonly options: LionOptions[name];
  };
}[keyof LionOptions];

/** The config.json of a model of this library. */
export type LionConfig = LionModel & {
  /** Distinguishes the file from those of Hugging Face. */
  readonly model_type: "lion";
  /** What the model does, in a word, as a package has it. */
  readonly task?: string;
  /** The classes' names by number, as in Hugging Face's files. */
  readonly id2label?: Readonly<Record<string, string>>;
  /** The classes' numbers by name. */
  readonly label2id?: Readonly<Record<string, number>>;
};

/** A config.json of Hugging Face's, or of flash-linear-attention's RWKV-7. */
export interface HuggingFaceConfig {
  /** The kind of model. */
  readonly model_type: "bert" | "gpt2" | "rwkv7" | "vit";
  /** Other fields of the config, such as sizes, by Hugging Face's names. */
  readonly [name: string]: unknown;
}

/** The content of a config.json. */
export type PretrainedConfig = LionConfig | HuggingFaceConfig;

/** The field of a config.json for another library that has this one's own config. */
export const OWN_CONFIG = "lion";

/**
 * This library's config within a config.json: the field of it, where the file is for
 * another library, or the whole file.
 */
export function ownConfigIn(
  file: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const own = file[OWN_CONFIG];
  return typeof own === "object" && own !== null && !Array.isArray(own)
    ? own as Record<string, unknown>
    : file;
}

const MAKERS: { [name in keyof LionOptions]: (options: never) => LayersModel } =
  { lionBert, lionGpt, lionViT, lionEncoder };

/** Makes a model, with its initial values. */
export function makeModel({ architecture, options }: LionModel): LayersModel {
  return MAKERS[architecture](options as never);
}

/** Reads which model a config.json of this library is. */
export function lionModelOf(fields: ConfigFields): LionModel {
  const names = Object.fromEntries(
    Object.keys(MAKERS).map((name) => [name, name]),
  );
  const architecture = fields.choice("architecture", "", names);
  const options = fields.value("options");
  if (
    typeof options === "object" && options !== null && !Array.isArray(options)
  ) return { architecture, options } as LionModel;
  throw fields.wrong("options", `an object, those of ${architecture}`);
}

/** A config as it is written: custom mixers and decays by their registered names. */
export function writableConfig(config: PretrainedConfig): object {
  if (config.model_type !== "lion") return config;
  const { options } = config as LionConfig;
  return { ...config, options: savedByName(options, "of the model") };
}
