/** Programs of documents and doc comments, the first quarter. @module */
import { testExamples } from "./examples.ts";

await testExamples(0);
