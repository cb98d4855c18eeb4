/** Pipelines in Node: `node node_pipelines.mjs FOLDER`. @module */
import { readFile } from "node:fs/promises";
import * as transformers from "@huggingface/transformers";
import { answers } from "./pipelines.mjs";

const folder = process.argv[2];
const asked = JSON.parse(await readFile(`${folder}/asked.json`, "utf8"));
const found = await answers(transformers, `${folder}/`, asked);
console.log(JSON.stringify(found));
process.exit();
