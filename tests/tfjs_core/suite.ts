/** Runs tfjs-core's tests on a backend that has started. @module */
import * as tf from "@tensorflow/tfjs-core";
import { registerTestEnv } from "@tensorflow/tfjs-core/dist/jasmine_util.js";
import {
  environment,
  type Failure,
  type GroupResult,
  type SpecResult,
} from "./globals.ts";
// What tfjs's own setup of its tests imports.
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";

/** Garbage is collected after so many tests, since wgpu frees nothing before. */
const TESTS_BETWEEN_COLLECTIONS = 100;

/** What the parent process wants. */
export interface Order {
  readonly backend: "cpu" | "wasm" | "webgpu";
  readonly threads: number;
  /** Whether webgpu computes small tensors on the host, as it does by default. */
  readonly onHost: boolean;
  /** Tests whose name contains it. */
  readonly filter: string;
  /** A file of one {@linkcode Line} a line. */
  readonly results: string;
}

/** A test that began, or ended; or what failed around tests. */
export interface Line {
  readonly name: string;
  readonly status: SpecResult["status"] | "started" | "failed around tests";
  readonly message?: string;
}

/** The order, as the parent process passes it. */
export const order: Order = JSON.parse(Deno.args[0]!);

/**
 * Lets the tests run on the current backend. tfjs-core's dispose of it after
 * each group, and ask for another one.
 *
 * @param reopen Makes another one. @default keeps the current one
 */
export function joinTests(reopen?: () => Promise<tf.KernelBackend>): void {
  const name = tf.getBackend(), backend = tf.backend();
  if (!reopen) backend.dispose = () => {};
  tf.removeBackend(name);
  tf.registerBackend(name, reopen ?? (() => backend), 3);
  registerTestEnv({
    name,
    backendName: name,
    isDataSync: name !== "webgpu",
    flags: name === "webgpu" ? { WEBGPU_CPU_FORWARD: order.onHost } : {},
  });
}

/** Runs the tests that have been declared. */
export async function runSuite(): Promise<void> {
  const { results, filter } = order;
  const file = await Deno.open(results, { create: true, append: true });
  const write = (line: Line) =>
    file.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  const collect = (globalThis as { gc?: () => void }).gc;
  const messageOf = (failures: readonly Failure[]) =>
    failures.map(({ message }) => message).join("\n");
  const groupDone = ({ fullName, failedExpectations }: GroupResult) => {
    if (failedExpectations.length === 0) return;
    write({
      name: fullName ?? "all tests",
      status: "failed around tests",
      message: messageOf(failedExpectations),
    });
  };
  let count = 0;
  environment.configure({
    specFilter: (spec) => spec.getFullName().includes(filter),
  });
  environment.addReporter({
    specStarted: ({ fullName }) => write({ name: fullName, status: "started" }),
    specDone: ({ fullName, status, failedExpectations }) => {
      const message = messageOf(failedExpectations);
      write({ name: fullName, status, message });
      if (++count % TESTS_BETWEEN_COLLECTIONS === 0) collect?.();
    },
    suiteDone: groupDone,
    jasmineDone: groupDone,
  });
  await environment.execute();
  file.close();
}
