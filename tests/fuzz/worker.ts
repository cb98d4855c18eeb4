/** Runs cases on one backend, in a process of its own: a case may end it, or never end. @module */
import type { Line, Order } from "./order.ts";
import { runCase, start } from "./run_case.ts";
import type { AnyTarget, Kind } from "./target.ts";
import { isTriedOn, TARGETS } from "./targets.ts";

/** Shares of the time. */
const SHARES: Record<Kind, number> = {
  operations: 55,
  tensorflow: 18,
  programs: 9,
  streams: 8,
  files: 9,
  servers: 1,
};

/** Failures of a target after which no smaller case is looked for. */
const SHRUNK = 3;

/** A target, how far it is, and what it has taken. */
interface Turn {
  readonly target: AnyTarget;
  seed: number;
  cases: number;
  failures: number;
  milliseconds: number;
}

function say(line: Line): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

/** The target that has had least of its share; of those that are not at their end. */
function nextOf(turns: readonly Turn[], until: number): Turn | undefined {
  const share = ({ target: { kind, share = 1 } }: Turn) => {
    const alike = turns.filter(({ target }) => target.kind === kind)
      .reduce((sum, { target: { share = 1 } }) => sum + share, 0);
    return SHARES[kind] * share / alike;
  };
  return turns.filter(({ seed }) => seed < until).toSorted((a, b) =>
    a.milliseconds / share(a) - b.milliseconds / share(b) || a.cases - b.cases
  )[0];
}

const order: Order = JSON.parse(Deno.args[0]!);
const { backend, threads, seeds, path, until = Infinity } = order;
// What the library says belongs to nobody here.
console.log = console.info = console.error;
await start(backend, threads);
const turns = TARGETS
  .filter((target) => target.name in seeds && isTriedOn(target, backend))
  .map((target): Turn => ({
    ...{ target, seed: seeds[target.name]! },
    ...{ cases: 0, failures: 0, milliseconds: 0 },
  }));
const end = performance.now() + (order.milliseconds ?? Infinity);
for (
  let turn = nextOf(turns, until);
  turn && performance.now() < end;
  turn = nextOf(turns, until)
) {
  const { target, seed } = turn;
  say({ said: "begins", target: target.name, seed });
  if (turn.cases === 0) await target.prepare?.();
  const begun = performance.now();
  const outcome = await runCase(target, backend, seed, {
    ...path === undefined ? {} : { path },
    ...turn.failures < SHRUNK ? {} : { shrinking: 0 },
  });
  const milliseconds = performance.now() - begun;
  turn.milliseconds += milliseconds;
  if (outcome.failure) turn.failures++;
  turn.seed++;
  turn.cases++;
  say({ said: "ends", target: target.name, seed, milliseconds, ...outcome });
}
