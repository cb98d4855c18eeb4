import { assertEquals } from "@std/assert";
import { commentFaults } from "../../tools/doc_comments.ts";

const faultsOf = (source: string) =>
  commentFaults(source).map(({ line, fault }) => `${line}: ${fault}`);

Deno.test("commentFaults() finds what hover texts would show", () => {
  // What an editor showed of the learning rate once.
  const garbled = `
  /**
   * "1e-3". @default 1e-3 => The learning rate. A number is the peak of
   * {@linkcode warmUpCosine} over all steps. @default 1e-3
   */
  learningRate?: number;`;
  assertEquals(faultsOf(garbled), ["2: it has @default 2 times"]);
  assertEquals(faultsOf("/** Sizes. @default */"), [
    "1: its @default says nothing",
  ]);
  assertEquals(faultsOf("/** See {@linkcode here, and `there. */"), [
    "1: its code does not end: `",
    "1: its link does not end: {@link",
  ]);
  assertEquals(
    faultsOf("/**\n * @param x One.\n * @param x Two.\n * @returns y\n */"),
    ["1: it has @param x twice"],
  );
});

Deno.test("commentFaults() passes whole comments, with code and links", () => {
  const whole = `/**
 * Rates. See {@linkcode train}, {@link https://example.org} and \`a => b\`.
 *
 * @example
 * \`\`\`ts
 * const text = "/** @default @default";
 * \`\`\`
 *
 * @param rate The rate.
 * @param rates The rates.
 * @default 1e-3
 */`;
  assertEquals(faultsOf(whole), []);
});
