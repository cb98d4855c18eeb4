/** What most tests of a subject say of its cases. @module */
import { assertEquals } from "@std/assert";
import type { BackendName } from "../../mod.ts";
import {
  failuresOf,
  type Subject,
  type TokenCase,
  type Way,
} from "./subject.ts";

/** Throws unless cases equal their oracle, each in its ways. */
export async function assertRight<C extends TokenCase, P>(
  subject: Subject<C, P>,
  runs: Iterable<readonly [c: C, ...ways: Way[]]>,
  backend: BackendName,
): Promise<void> {
  const failures: string[] = [];
  for (const [c, ...ways] of runs) {
    failures.push(...await failuresOf(subject, c, backend, ...ways));
  }
  assertEquals(failures, []);
}
