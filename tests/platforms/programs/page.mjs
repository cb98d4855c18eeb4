/** What a page runs, when the test asks it to. */
import * as lion from "@lionjs/lion";
import * as tuning from "@lionjs/lion/tuning";
import { exercise } from "./exercise.mjs";

Object.assign(globalThis, { exercise, lion, tuning });
