/**
 * Models and files of the Hugging Face hub, and folders of models; and, so that one
 * import opens a model and asks it, what starts a backend and what asks models.
 *
 * @module
 */
export * from "../hub/mod.ts";
export { useBackend } from "../backend/use_backend.ts";
export { classify } from "../models/classify.ts";
export { fill } from "../models/fill.ts";
export { forecast } from "../models/forecast.ts";
export { generate } from "../models/generate.ts";
