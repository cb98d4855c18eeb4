/** Programs of documents and doc comments, the second quarter. @module */
import { testExamples } from "./examples.ts";

await testExamples(1);
