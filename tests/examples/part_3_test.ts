/** Programs of documents and doc comments, the third quarter. @module */
import { testExamples } from "./examples.ts";

await testExamples(2);
