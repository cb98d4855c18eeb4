/**
 * Every operation, on a rank: fails with the first that is wrong. The first
 * argument is the number of machines, among which ranks were dealt out.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openMpi } from "../../../lib/mpi/mod.ts";
import type { RankNumbers } from "../../../lib/base/communicator.ts";

const mpi = openMpi();
const { rank, size } = mpi;
const last = size - 1;
assert(openMpi() === mpi);
const [machines = "1"] = Deno.args;
assertEquals(mpi.localRank, Math.floor(rank / Number(machines)));

const KINDS: readonly ((...values: number[]) => RankNumbers)[] = [
  (...values) => Float32Array.of(...values),
  (...values) => Float64Array.of(...values),
  (...values) => Int32Array.of(...values),
  (...values) => Uint8Array.of(...values),
];
const total = size * (size + 1) / 2;
for (const kind of KINDS) {
  const values = kind(rank + 1, 2, 3);
  assert(await mpi.allreduce(values) === values);
  assertEquals(values, kind(total, 2 * size, 3 * size));
  assertEquals(await mpi.allreduce(kind(rank, 9), "max"), kind(last, 9));
  assertEquals(await mpi.allreduce(kind(rank + 4), "min"), kind(4));
  assertEquals(
    await mpi.broadcast(kind(rank, rank + 1), last),
    kind(last, size),
  );
  const all = await mpi.gather(kind(rank, 7), last);
  const expected = Array.from({ length: size }, (_, i) => [i, 7]).flat();
  assertEquals(all, rank === last ? kind(...expected) : undefined);
  assertEquals(
    await mpi.exscan(kind(rank + 1, 1)),
    kind(rank * (rank + 1) / 2, rank),
  );
}

// A view's neighbours are left alone, and nothing may be exchanged.
const whole = Float32Array.of(-1, rank, -1);
await mpi.allreduce(whole.subarray(1, 2));
assertEquals(whole, Float32Array.of(-1, total - size, -1));
const none = new Float32Array();
assertEquals(await mpi.allreduce(none), none);
assertEquals(await mpi.broadcast(none), none);
assertEquals(await mpi.exscan(none), none);
assertEquals(await mpi.gather(none), rank === 0 ? none : undefined);

// Above the length from which senders wait for receivers: both at once.
const right = (rank + 1) % size, left = (rank + last) % size;
const sent = new Float64Array(300_000).fill(rank);
const received = new Float64Array(sent.length);
await Promise.all([mpi.send(sent, right), mpi.receive(received, left)]);
assert(received.every((value) => value === left));

await Promise.all([mpi.send(none, right), mpi.receive(none, left)]);

// Messages are told apart by their tags, in whatever order they are asked for.
const [second, first] = await Promise.all([
  mpi.receive(new Int32Array(1), left, 2),
  mpi.receive(new Int32Array(1), left, 1),
  mpi.send(Int32Array.of(10 + rank), right, 1),
  mpi.send(Int32Array.of(20 + rank), right, 2),
]);
assertEquals([first![0], second![0]], [10 + left, 20 + left]);

// While all stands still: around a ring, along a chain, and more than is sent ahead.
assertEquals(
  mpi.exchange(Float32Array.of(rank, 7), { to: right, from: left }),
  Float32Array.of(left, 7),
);
assertEquals(
  mpi.exchange(Float32Array.of(rank + 1), {
    to: rank < last ? rank + 1 : undefined,
    from: rank > 0 ? rank - 1 : undefined,
  }),
  Float32Array.of(rank),
);
const far = mpi.exchange(new Float32Array(300_000).fill(rank), {
  to: left,
  from: right,
});
assert(far.every((value) => value === right));
assertThrows(
  () => mpi.exchange(whole, { to: size, from: left }),
  RangeError,
  `to should be a rank from 0 to ${last}, got ${size}`,
);

// Two at once, one of them long.
const [long, short] = await Promise.all([
  mpi.allreduce(new Float32Array(1 << 20).fill(rank)),
  mpi.allreduce(Float32Array.of(1)),
]);
assert(long.every((value) => value === total - size));
assertEquals(short[0], size);

// While a rank waits, its event loop runs: rank 0 comes when the others, which
// wait for it, have had their timers and have told it so.
if (rank === 0) {
  for (let from = 1; from < size; from++) {
    await mpi.receive(new Int32Array(1), from, 4);
  }
  await mpi.barrier();
} else {
  const waiting = mpi.barrier();
  let isWaiting = true;
  waiting.then(() => isWaiting = false);
  for (let tick = 0; tick < 10; tick++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert(isWaiting);
  await mpi.send(Int32Array.of(rank), 0, 4);
  await waiting;
}

// What is wrong says so, and harms nothing.
await assertRejects(() => mpi.send(whole, size), RangeError, `to ${last}, got`);
await assertRejects(() => mpi.broadcast(whole, -1), RangeError, "root should");
await assertRejects(() => mpi.send(whole, 0, 1.5), RangeError, "tag should");
await assertRejects(() => mpi.send(whole, 0, 32_767), RangeError, "to 32766");
await assertRejects(
  () => mpi.allreduce(whole, "mean" as "sum"),
  RangeError,
  "reduction should be sum, max or min, got mean",
);
await assertRejects(
  () => mpi.allreduce([1] as unknown as Float32Array),
  TypeError,
  "values should be one of Float32Array, Float64Array, Int32Array, Uint8Array, got Array",
);
// The others wait for the first, which comes late.
if (rank === 0) await new Promise((resolve) => setTimeout(resolve, 300));
const waiting = mpi.barrier();
if (rank > 0) {
  await assertRejects(() => mpi.close(), Error, "got 1 that have not");
}
await waiting;

await mpi.close();
await mpi.close();
await assertRejects(() => mpi.allreduce(whole), Error, "MPI is closed");
console.log(`rank ${rank} of ${size} on ${mpi.version}: all is well`);
