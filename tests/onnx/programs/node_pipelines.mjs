/** Pipelines in Node: `node node_pipelines.mjs FOLDER`. @module */
import { readFile } from "node:fs/promises";
import { answers } from "./pipelines.mjs";

// It is installed beside a copy of this file, and not in this project.
const name = "@huggingface/transformers";
const transformers = await import(name);
const folder = process.argv[2];
const asked = JSON.parse(await readFile(`${folder}/asked.json`, "utf8"));
const found = await answers(transformers, `${folder}/`, asked);
console.log(JSON.stringify(found));
process.exit();
