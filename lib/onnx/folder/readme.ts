/** The README of a folder for transformers.js. @module */
import type { Borrowed, TransformersJsTask } from "./borrowed.ts";

/** The first line, by which a README of this library is known. */
export const README_TITLE = "# A LION model for transformers.js";

/** What a pipeline is called with, and what comes. */
const CALLS: Readonly<Record<TransformersJsTask, string>> = {
  "text-classification": `await pipe("A text to classify")`,
  "feature-extraction":
    `await pipe("A text", { pooling: "mean", normalize: true })`,
  "fill-mask": "await pipe(`A text with a ${pipe.tokenizer.mask_token}`)",
  "image-classification": `await pipe("picture.png")`,
  "text-generation": `await pipe("A text", { max_new_tokens: 20 })`,
};

/** The README of a folder. */
export function readmeOf(
  task: TransformersJsTask,
  { type, architecture }: Borrowed,
  files: readonly string[],
  hasOwn: boolean,
): string {
  const own = hasOwn
    ? `\nThe library reads the same folder by \`fromPretrained\` of \`@lionjs/lion/hub\`,
from the field \`lion\` of \`config.json\` and \`model.safetensors\`.\n`
    : "";
  return `${README_TITLE}

This model was made with \`@lionjs/lion\`, for the task
\`${task}\`. **It is no ${architecture}.** transformers.js runs only
architectures that it knows by name, so \`config.json\` borrows a name:
\`"model_type": "${type}"\`. The graph in \`onnx/\` is the model's own, with
LION's attention. Python's transformers would read the config as another model,
which this one is not: load the ONNX files there with ONNX Runtime.

\`\`\`js
import { env, pipeline } from "@huggingface/transformers";

env.allowRemoteModels = false;
env.allowLocalModels = true; // in a page, they are not unless asked for
env.localModelPath = "./models/"; // the folder that this one is in
const pipe = await pipeline("${task}", "this-folder");
console.log(${CALLS[task]});
\`\`\`

Files of the graph: ${files.map((file) => `\`${file}\``).join(", ")}. With
\`dtype: "fp32"\`, \`"fp16"\` or \`"q8"\` a pipeline reads \`model.onnx\`,
\`model_fp16.onnx\` or \`model_quantized.onnx\`.
${own}`;
}
