/** Programs of documents and doc comments, the fourth quarter. @module */
import { testExamples } from "./examples.ts";

await testExamples(3);
