/** The library as it is in this tree. @module */
import * as lion from "@lionjs/lion";
import * as members from "@lionjs/lion/family";
import * as operations from "@lionjs/lion/operations";
import type { Library } from "./operations.ts";

/** All functions that operations may call. */
export const LIBRARY: Library = { ...lion, ...members, ...operations };
