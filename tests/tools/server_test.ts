import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { serveLocally } from "../../tools/server/loopback.ts";
import { serveSite } from "../../tools/site/serve.ts";
import { serve } from "../platforms/site.ts";
import {
  ask,
  type AttackRequest,
  attackServer,
  type RawAnswer,
  type StartServer,
  watched,
  withAttacked,
} from "./server_attack.ts";

/** Every server of files, by what it is for. */
const SERVERS: Readonly<Record<string, StartServer>> = {
  "the site's": (folder) => serveSite(folder, { port: 0, isIsolated: true }),
  "the platforms'": (folder) => serve(folder.pathname),
};

/** Under what name the platforms' server has the folder. */
const PREFIXES: Readonly<Record<string, string>> = {
  "the platforms'": "/plain",
};

const HOST = "Host: localhost:8000";

const get = (target: string, ...headers: string[]): AttackRequest => ({
  ...{ method: "GET", target },
  headers: headers.length > 0 ? headers : [HOST],
});

for (const [whose, start] of Object.entries(SERVERS)) {
  const prefix = PREFIXES[whose] ?? "";

  Deno.test(`${whose} server has files, folders and links within`, async () => {
    await withAttacked(start, async (port) => {
      const statusOf = async (path: string) =>
        (await ask(port, get(`${prefix}${path}`))).status;
      for (
        const path of [
          ...["/", "/page.html", "/sub/", "/sub/a%20b.txt", "/within.html"],
          ...["/page.html?query=..%2f", "/sub/../page.html", "/%70age.html"],
        ]
      ) assertEquals(await statusOf(path), 200, path);
      const folder = await ask(port, get(`${prefix}/sub`));
      assertEquals(folder.status, 307);
      assertStringIncludes(folder.headers, "location: ./sub/");
      for (const method of ["GET", "HEAD"]) {
        const request = { ...get(`${prefix}/page.html`), method };
        const { status, headers, body } = await ask(port, request);
        assertEquals([status, body === ""], [200, method === "HEAD"]);
        assertStringIncludes(headers, "content-type: text/html");
        assertStringIncludes(headers, "content-length: 17");
      }
    });
  });

  Deno.test(`${whose} server keeps what lies outside, however it is asked for`, async () => {
    await withAttacked(start, async (port) => {
      const climbs = ["..%2f", "%2e%2e%2f", "..%5c", "..\\", "../", "..%252f"];
      const paths = climbs.flatMap((climb) =>
        [1, 2, 3, 6].flatMap((depth) =>
          ["/", "/sub/", "/sub%2f", "/beside/", "//"].flatMap((from) =>
            ["secret.txt", "site_too/secret.txt", "etc/hostname"].map((file) =>
              `${from}${climb.repeat(depth)}${file}`
            )
          )
        )
      );
      const odd = [
        ...["/link.txt", "/sub/link.txt", "/beside/secret.txt", "/circle"],
        ...["/page.html%00", "/%00", "/%ff", "/%", "/%zz", "/%c0%ae%c0%ae/"],
        ...["/sub%2findex.html", "/sub%5cindex.html", "/page.html/", "//"],
        ...["/beside", "/beside/", `/${"a".repeat(300)}`, "/page.html/x"],
        ...[
          "//etc/hostname",
          "/file:/etc/hostname",
          "/C:/",
          "/sub//index.html",
        ],
      ];
      for (const path of [...paths, ...odd]) {
        const request = get(`${prefix}${path}`);
        const { answer, wrong } = await watched(port, request);
        assertEquals([path, answer.status, wrong], [path, 404, undefined]);
      }
    });
  });

  Deno.test(`${whose} server answers who names this machine, by GET and HEAD`, async () => {
    await withAttacked(start, async (port) => {
      const path = `${prefix}/page.html`;
      const statusOf = async (request: AttackRequest) => {
        const { answer, wrong } = await watched(port, request);
        assertEquals(wrong, undefined, JSON.stringify(request));
        return answer.status;
      };
      for (
        const own of ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:80"]
      ) {
        assertEquals((await ask(port, get(path, `Host: ${own}`))).status, 200);
        const target = `http://${own}${path}`;
        assertEquals((await ask(port, get(target))).status, 200, target);
      }
      for (
        const other of [
          ...[
            "evil.example",
            "localhost.evil.example",
            "localhost@evil.example",
          ],
          ...["evil.example:8000", "0.0.0.0", "127.0.0.1.evil.example"],
        ]
      ) {
        assertEquals(await statusOf(get(path, `Host: ${other}`)), 421, other);
        const target = `http://${other}${path}`;
        assertEquals(await statusOf(get(target)), 421, target);
      }
      const both = get(path, HOST, "Host: evil.example");
      const none = get(path, "Accept: */*");
      for (const request of [both, none]) {
        const { status } = await ask(port, request);
        assertEquals(Math.floor(status / 100), 4, JSON.stringify(request));
      }
      for (
        const method of [
          ...["PUT", "POST", "DELETE", "TRACE", "OPTIONS", "PATCH", "FOO"],
        ]
      ) {
        const answer: RawAnswer = await ask(port, { ...get(path), method });
        assertEquals([method, answer.status], [method, 405]);
        assertStringIncludes(answer.headers, "allow: get, head");
      }
    });
  });

  Deno.test(`${whose} server answers others while many read slowly, or not at all`, async () => {
    await withAttacked(start, async (port, folder) => {
      const file = new URL("large.bin", folder);
      await Deno.writeFile(file, new Uint8Array(2 ** 24));
      const text = `GET ${prefix}/large.bin HTTP/1.1\r\n${HOST}\r\n`;
      const before = Deno.memoryUsage().rss;
      const connections = await Promise.all(
        Array.from({ length: 80 }, async (_, i) => {
          const connection = await Deno.connect({
            ...{ hostname: "127.0.0.1", port },
          });
          // Every fourth does not even end its request.
          const end = i % 4 === 0 ? "X-Slow: " : "\r\n";
          await connection.write(new TextEncoder().encode(`${text}${end}`));
          return connection;
        }),
      );
      try {
        // The answers begin.
        await connections[1]!.read(new Uint8Array(1000));
        const { status } = await ask(port, get(`${prefix}/page.html`));
        assertEquals(status, 200);
        const megabytes = (Deno.memoryUsage().rss - before) / 2 ** 20;
        assert(megabytes < 300, `${megabytes} MB for 60 files of 16 MB`);
      } finally {
        for (const connection of connections) connection.close();
      }
    });
  });

  Deno.test(`${whose} server lives on after headers of a megabyte`, async () => {
    await withAttacked(start, async (port) => {
      for (const size of [100_000, 1_000_000]) {
        const large = `X-Large: ${"x".repeat(size)}`;
        const request = get(`${prefix}/page.html`, HOST, large);
        const { wrong } = await watched(port, request);
        assertEquals(wrong, undefined);
      }
      const { status } = await ask(port, get(`${prefix}/page.html`));
      assertEquals(status, 200);
    });
  });
}

Deno.test("the site's server withstands requests by chance", async () => {
  const failed = await attackServer(1, 1000);
  assertEquals(failed, undefined);
});

Deno.test("what fails within an answer is 500, without a reason", async () => {
  const server = serveLocally(() => {
    throw new TypeError("of no concern\nto others");
  });
  const said: unknown[][] = [];
  const { error } = console;
  console.error = (...parts) => said.push(parts);
  try {
    const { status, body } = await ask(server.addr.port, get("/"));
    assertEquals([status, body], [500, "this failed here\n"]);
  } finally {
    console.error = error;
    await server.shutdown();
  }
  assertEquals(said, [['a request failed: "of no concern\\nto others"']]);
});

if (Deno.build.os !== "windows") {
  Deno.test("a server outlives more clients than it may open files", async () => {
    const most = 64, limited = `ulimit -n ${most}; exec "$@"`;
    const program = new URL("serving_process.ts", import.meta.url).pathname;
    const run = ["run", "-A", "--no-check", program];
    const server = new Deno.Command("sh", {
      args: ["-c", limited, "sh", Deno.execPath(), ...run],
      ...{ stdout: "piped", stderr: "piped" },
    }).spawn();
    const clients: Deno.Conn[] = [];
    try {
      const port = Number(await textUntil(server.stdout, "\n"));
      assertEquals((await ask(port, get("/"))).body, "here");
      const hostname = "127.0.0.1";
      for (let i = 0; i < most; i++) {
        const client = Deno.connect({ port, hostname });
        // Those that come while it does not listen are refused.
        await client.then((client) => clients.push(client), () => {});
      }
      await textUntil(server.stderr, "a connection failed");
      for (const client of clients.splice(0)) client.close();
      const until = performance.now() + 10_000;
      let body = "";
      while (body !== "here" && performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        body = await ask(port, get("/")).then(({ body }) => body, () => "");
      }
      assertEquals(body, "here");
    } finally {
      for (const client of clients) client.close();
      server.kill("SIGKILL");
      await server.status;
    }
  });
}

/** Reads until a text has come; what came is returned. */
async function textUntil(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  wanted: string,
): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes(wanted)) return text;
  }
  throw new Error(`it has ended before ${JSON.stringify(wanted)}: ${text}`);
}

Deno.test("nothing else in the repository serves", async () => {
  const root = new URL("../../", import.meta.url);
  const { stdout } = await new Deno.Command("git", {
    args: [
      ...["grep", "-lE", String.raw`Deno\.serve\(|createServer\(|Deno\.listen`],
      ...["--", "*.ts", "*.mjs", "*.py"],
    ],
    cwd: root,
  }).output();
  const files = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals(files, [
    "tests/lab/server.ts", // finds a free port, and closes it
    "tools/server/loopback.ts",
  ]);
});
