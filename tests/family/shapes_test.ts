/** Each model at random shapes: beside the file of their forms, at the same time. @module */
import { testRandom } from "../subjects/checks.ts";
import { FAMILY } from "../subjects/family.ts";

for (const subject of FAMILY) testRandom(subject);
