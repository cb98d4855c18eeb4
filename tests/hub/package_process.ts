/**
 * Loads the package of a name, as a program in the current folder does, without a hub,
 * and prints how many parameters its model has, or why it has none.
 *
 * @module
 */
import "@tensorflow/tfjs-backend-cpu";
import { fromPretrained } from "../../lib/hub/mod.ts";

const [name] = Deno.args;
try {
  const { model } = await fromPretrained(name!, {
    fetch: () => Promise.reject(new Error("the hub was asked")),
  });
  console.log(model.countParams());
} catch (error) {
  console.log(String(error));
}
