/** Ranks that are told what to do, from outside their job. @module */
import { fileURLToPath } from "node:url";
import { denoRun, type Implementation, startRanks } from "../tools/mpirun.ts";
import {
  failure,
  type LocalServer,
  serveLocally,
} from "../tools/server/loopback.ts";
import type { Reply, Request } from "./rank_problem.ts";

const PROGRAM = fileURLToPath(new URL("rank_program.ts", import.meta.url));

/** A job of MPI that does what it is asked, and between does nothing at all. */
export class RankJob implements AsyncDisposable {
  /** How many ranks it has. */
  readonly size: number;
  readonly #server: LocalServer;
  readonly #ended: Promise<never>;
  readonly #output: Promise<unknown>;
  #request = Promise.withResolvers<Request>();
  #replies: PromiseWithResolvers<Reply>[];

  private constructor(implementation: Implementation, size: number) {
    this.size = size;
    this.#replies = this.#awaited();
    // Any page that is open on this machine may post to it.
    const path = `/${crypto.randomUUID()}`;
    const server = serveLocally(async (posted) => {
      if (new URL(posted.url).pathname !== path) {
        return failure(404, "not found");
      }
      const { rank, reply } = await posted.json();
      const request = this.#request.promise;
      this.#replies[rank]!.resolve(reply);
      return Response.json(await request);
    }, { methods: ["POST"] });
    this.#server = server;
    const url = `http://127.0.0.1:${server.addr.port}${path}`;
    const command = denoRun(PROGRAM, url);
    const output = startRanks(implementation, size, command).output();
    this.#output = output;
    this.#ended = output.then(({ code, stderr }) => {
      const said = new TextDecoder().decode(stderr);
      throw new Error(`ranks ended, with code ${code}: ${said}`);
    });
    // Whoever waits for a reply hears of it.
    this.#ended.catch(() => {});
  }

  /** Starts ranks; returns when all of them are ready. */
  static async start(
    implementation: Implementation,
    size: number,
  ): Promise<{ readonly job: RankJob; readonly ready: Reply }> {
    const job = new RankJob(implementation, size);
    try {
      const [ready] = await job.#all();
      return { job, ready: ready! };
    } catch (error) {
      await job[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks all ranks; returns what each has done, rank 0 first. */
  async ask(request: Request): Promise<Reply[]> {
    const asked = this.#request;
    this.#request = Promise.withResolvers();
    this.#replies = this.#awaited();
    asked.resolve(request);
    return await this.#all();
  }

  /** Ends the ranks. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#request.resolve({ kind: "end" });
    await this.#output;
    await this.#server.shutdown();
  }

  #awaited(): PromiseWithResolvers<Reply>[] {
    return Array.from({ length: this.size }, () => Promise.withResolvers());
  }

  async #all(): Promise<Reply[]> {
    const replies = this.#replies.map(({ promise }) => promise);
    return await Promise.race([Promise.all(replies), this.#ended]);
  }
}
