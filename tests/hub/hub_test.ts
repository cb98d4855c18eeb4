/** Files of a hub that is not always well: the right file, or a clear error. @module */
import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { hubBytes, hubFile, hubFiles, hubSnapshot } from "../../lib/hub/mod.ts";
import type {
  HubOptions,
  HubProgress,
} from "../../lib/data/hub/hub_options.ts";
import { fileURLToPath } from "node:url";
import { withFolder } from "../io/files.ts";
import { uniform } from "../random.ts";
import { COMMIT, digestOfFile, type Hub, startHub } from "./hub_server.ts";
import { withModules, withVariables } from "./modules.ts";

const random = uniform(1);
const WEIGHTS = Uint8Array.from({ length: 3000 }, () => 256 * random());
const FILES = {
  "config.json": `{"a":1}\n`,
  "empty.txt": "",
  "model.safetensors": WEIGHTS,
  "onnx/ünï code.txt": "deep",
};

/** Runs with a hub and an empty cache; no part of a file may be seen at the end. */
function onHub(
  name: string,
  run: (
    options: HubOptions & { cache: string; endpoint: string },
    hub: Hub,
  ) => Promise<void>,
): void {
  Deno.test(`hub: ${name}`, () =>
    withFolder(async (cache) => {
      const hub = startHub(FILES);
      try {
        await withVariables(
          {},
          () => run({ cache, endpoint: hub.url, retries: 1 }, hub),
        );
        await assertWhole(cache);
      } finally {
        await hub.stop();
      }
    }));
}

/** Throws if a file of a cache is not what its name says, or a lock is left. */
async function assertWhole(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) await assertWhole(path);
    assert(!/\.(tmp|lock)$/.test(name), path);
    if (!folder.endsWith("/blobs") || name.endsWith(".incomplete")) continue;
    const bytes = await Deno.readFile(path);
    assertEquals(digestOfFile(bytes, name.length === 64), name);
  }
}

const downloads = ({ log }: Hub) =>
  log.filter((line) => line.startsWith("elsewhere")).length;

const readWeights = async (folder: string) =>
  assertEquals(await Deno.readFile(`${folder}/model.safetensors`), WEIGHTS);

onHub(
  "a snapshot has the layout of Hugging Face's cache",
  async (options, hub) => {
    const heard: HubProgress[] = [];
    const { folder, commit, files } = await hubSnapshot("org/tiny", {
      ...options,
      progress: (progress) => heard.push(progress),
    });
    assertEquals(commit, COMMIT);
    assertEquals(files, Object.keys(FILES));
    const root = `${options.cache}/models--org--tiny`;
    assertEquals(folder, `${root}/snapshots/${COMMIT}`);
    for (const [path, content] of Object.entries(FILES)) {
      const bytes = await Deno.readFile(`${folder}/${path}`);
      assertEquals(
        typeof content === "string" ? new TextDecoder().decode(bytes) : bytes,
        content,
      );
    }
    assertEquals(await Deno.readTextFile(`${root}/refs/main`), COMMIT);
    if (Deno.build.os !== "windows") {
      assertEquals(
        await Deno.readLink(`${folder}/onnx/ünï code.txt`),
        `../../../blobs/${
          digestOfFile(new TextEncoder().encode("deep"), false)
        }`,
      );
    }
    const digest = digestOfFile(WEIGHTS, true);
    const tree = JSON.parse(
      await Deno.readTextFile(`${root}/trees/${COMMIT}.json`),
    );
    assertEquals(tree.format_version, 1);
    assertEquals(tree.files["model.safetensors"], {
      ...{ size: 3000, blob_id: digest, lfs_sha256: digest, lfs_size: 3000 },
    });
    const { totalBytes, totalSize } = heard.at(-1)!;
    assertEquals([totalBytes, totalSize], [3012, 3012]);

    // Again: one question, whether the revision is another commit now.
    hub.log.length = 0;
    await hubSnapshot("org/tiny", options);
    assertEquals(hub.log.map((line) => line.split(" ")[2]), [
      "/api/models/org/tiny/revision/main",
    ]);
    assertEquals(
      await hubFile("org/tiny", "config.json", options),
      `${folder}/config.json`,
    );
  },
);

onHub("revisions, patterns and lists", async (options) => {
  const pull = { ...options, revision: "refs/pr/1" };
  const { files } = await hubSnapshot("org/tiny", {
    ...pull,
    include: ["*.json", "onnx/", "e?pty*"],
    exclude: "config*",
  });
  assertEquals(files, ["empty.txt", "onnx/ünï code.txt"]);
  assertEquals(
    await Deno.readTextFile(
      `${options.cache}/models--org--tiny/refs/refs/pr/1`,
    ),
    COMMIT,
  );
  const listed = await hubFiles("org/tiny", { ...options, revision: COMMIT });
  assertEquals(listed.map(({ path }) => path), Object.keys(FILES));
  await assertRejects(
    () => hubSnapshot("org/tiny", { ...options, include: "*.bin" }),
    RangeError,
    "of the 4 files of model org/tiny, got none",
  );
});

onHub("a cut connection goes on where it was", async (options, hub) => {
  hub.faults = { cuts: [1000, 500] };
  await readWeights((await hubSnapshot("org/tiny", options)).folder);
  const ranges = hub.log.filter((line) => line.startsWith("elsewhere"))
    .map((line) => line.split(" ")[3]);
  assertEquals(ranges, ["whole", "bytes=1000-", "bytes=1500-"]);
});

onHub("another call goes on where one was cut", async (options, hub) => {
  hub.faults = { cuts: [1000] };
  await assertRejects(
    () => hubFile("org/tiny", "model.safetensors", { ...options, retries: 0 }),
    Error,
    "model.safetensors has ended after 1000 of 3000 bytes",
  );
  const root = `${options.cache}/models--org--tiny`;
  const names = await Array.fromAsync(
    Deno.readDir(`${root}/blobs`),
    ({ name }) => name,
  );
  assertEquals(names, [`${digestOfFile(WEIGHTS, true)}.incomplete`]);
  await assertRejects(
    () => Deno.stat(`${root}/snapshots`),
    Deno.errors.NotFound,
  );
  const path = await hubFile("org/tiny", "model.safetensors", options);
  assertEquals(await Deno.readFile(path), WEIGHTS);
  assertStringIncludes(hub.log.at(-1)!, "bytes=1000-");
});

onHub(
  "a server that ignores ranges is read from the start",
  async (options, hub) => {
    hub.faults = { cuts: [1000], ignoresRanges: true };
    await readWeights((await hubSnapshot("org/tiny", options)).folder);
  },
);

onHub("a part of other bytes is thrown away", async (options) => {
  const blobs = `${options.cache}/models--org--tiny/blobs`;
  await Deno.mkdir(blobs, { recursive: true });
  const part = `${blobs}/${digestOfFile(WEIGHTS, true)}.incomplete`;
  for (const size of [100, 3000, 5000]) {
    await Deno.writeFile(part, new Uint8Array(size));
    const path = await hubFile("org/tiny", "model.safetensors", options);
    assertEquals(await Deno.readFile(path), WEIGHTS);
    await Deno.remove(path);
    await Deno.remove(`${blobs}/${digestOfFile(WEIGHTS, true)}`);
  }
});

onHub(
  "a corrupted body is an error that names both digests",
  async (options, hub) => {
    hub.faults = { corrupt: true };
    await assertRejects(
      () => hubSnapshot("org/tiny", options),
      Error,
      `model.safetensors of org/tiny should have the digest ${
        digestOfFile(WEIGHTS, true)
      }, got `,
    );
    assertEquals(downloads(hub), 2);
    hub.faults = {};
    await readWeights((await hubSnapshot("org/tiny", options)).folder);
  },
);

onHub(
  "a hub that is down is replaced by what is kept",
  async (options, hub) => {
    const quick = { ...options, retries: 0 };
    hub.faults = { down: true };
    await assertRejects(
      () => hubSnapshot("org/tiny", quick),
      Error,
      "answers with status 503 to /api/models/org/tiny/revision/main",
    );
    hub.faults = {};
    await hubSnapshot("org/tiny", { ...quick, include: "*.json" });
    hub.faults = { down: true };
    const { files } = await hubSnapshot("org/tiny", {
      ...quick,
      include: "*.json",
    });
    assertEquals(files, ["config.json"]);
    await assertRejects(
      () => hubSnapshot("org/tiny", quick),
      Error,
      "is not whole in",
    );
    await assertRejects(
      () => hubSnapshot("org/tiny", { ...quick, revision: "v1.0" }),
      Error,
      "status 503",
    );
    const nobody = { ...quick, endpoint: "http://127.0.0.1:1" };
    assertEquals(
      (await hubSnapshot("org/tiny", { ...nobody, include: "*.json" })).commit,
      COMMIT,
    );
  },
);

onHub("offline, nothing is asked", async (options, hub) => {
  const offline = { ...options, offline: true };
  await assertRejects(
    () => hubFile("org/tiny", "config.json", offline),
    Error,
    "the hub is not asked (offline)",
  );
  await hubFile("org/tiny", "config.json", options);
  hub.log.length = 0;
  const path = await hubFile("org/tiny", "config.json", offline);
  assertEquals(await Deno.readTextFile(path), FILES["config.json"]);
  await assertRejects(
    () => hubFile("org/tiny", "empty.txt", offline),
    Error,
    "it lacks empty.txt",
  );
  // What another program has kept has no manifest.
  assertEquals((await hubSnapshot("org/tiny", offline)).files, ["config.json"]);
  // A file in the place of the cache's folder is not a cache that lacks the model.
  if (Deno.build.os !== "windows") {
    await assertRejects(
      () => hubFiles("org/tiny", { ...offline, cache: path }),
      Error,
      "ENOTDIR",
    );
  }
  assertEquals(hub.log, []);
});

onHub("what is asked for at once is downloaded once", async (options, hub) => {
  hub.faults = { slow: 2 };
  const folders = await Promise.all(
    [1, 2, 3].map(() => hubSnapshot("org/tiny", options)),
  );
  for (const { folder } of folders) await readWeights(folder);
  assertEquals(downloads(hub), 1);
});

onHub("who gives up does not take others with him", async (options, hub) => {
  hub.faults = { slow: 2 };
  const stop = new AbortController();
  const one = hubFile("org/tiny", "model.safetensors", {
    ...options,
    signal: stop.signal,
    progress: ({ bytes }) => bytes > 0 && stop.abort(new Error("enough")),
  });
  const two = hubFile("org/tiny", "model.safetensors", options);
  await assertRejects(() => one, Error, "enough");
  assertEquals(await Deno.readFile(await two), WEIGHTS);
  assertEquals(downloads(hub), 1);
});

onHub("a progress that throws ends its own call", async (options, hub) => {
  hub.faults = { slow: 2 };
  // Otherwise the other may come when nothing is left to share.
  let isShared = false;
  const one = hubFile("org/tiny", "model.safetensors", {
    ...options,
    progress() {
      if (isShared) throw new TypeError("a slip");
    },
  });
  const two = hubFile("org/tiny", "model.safetensors", {
    ...options,
    progress() {
      isShared = true;
    },
  });
  await assertRejects(() => one, TypeError, "a slip");
  assertEquals(await Deno.readFile(await two), WEIGHTS);
  assertEquals(downloads(hub), 1);
});

onHub(
  "an address that is no longer valid is asked for anew",
  async (options, hub) => {
    hub.faults = { expired: 1 };
    await readWeights((await hubSnapshot("org/tiny", options)).folder);
    assertEquals(downloads(hub), 2);
  },
);

onHub("a signal keeps what has come", async (options, hub) => {
  hub.faults = { slow: 2 };
  const stop = new AbortController();
  await assertRejects(
    () =>
      hubSnapshot("org/tiny", {
        ...options,
        signal: stop.signal,
        progress: ({ path, bytes }) =>
          path === "model.safetensors" && bytes > 500 &&
          stop.abort(new Error("enough")),
      }),
    Error,
    "enough",
  );
  hub.faults = {};
  await readWeights((await hubSnapshot("org/tiny", options)).folder);
  assertMatch(hub.log.at(-1)!, /bytes=[56]\d\d-/);
});

/** Starts a process that downloads the large file. */
async function startProcess(
  { cache, endpoint }: { cache: string; endpoint: string },
): Promise<Deno.ChildProcess> {
  const module = new URL("../../lib/hub/mod.ts", import.meta.url).href;
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const program = `${cache}/program.ts`;
  await Deno.writeTextFile(
    program,
    `
      import { hubFile } from ${JSON.stringify(module)};
      const [cache, endpoint] = Deno.args;
      const options = { cache, endpoint };
      console.log(await hubFile("org/tiny", "model.safetensors", options));
    `,
  );
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--config", config],
      ...[program, cache, endpoint],
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

onHub("two processes download a file once", async (options, hub) => {
  hub.faults = { slow: 10 };
  const processes = [await startProcess(options), await startProcess(options)];
  for (const process of processes) {
    const { success, stdout, stderr } = await process.output();
    const text = new TextDecoder();
    assert(success, text.decode(stderr));
    const path = text.decode(stdout).trim();
    assertEquals(await Deno.readFile(path), WEIGHTS);
  }
  assertEquals(downloads(hub), 1);
});

onHub("where a process was killed, another goes on", async (options, hub) => {
  hub.faults = { slow: 10 };
  const process = await startProcess(options);
  const part = `${options.cache}/models--org--tiny/blobs/${
    digestOfFile(WEIGHTS, true)
  }.incomplete`;
  const sizeOf = async () => (await Deno.stat(part).catch(() => null))?.size;
  while (!(Number(await sizeOf()) > 200)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  process.kill("SIGKILL");
  await process.output();
  const size = await sizeOf();
  hub.faults = {};
  const path = await hubFile("org/tiny", "model.safetensors", options);
  assertEquals(await Deno.readFile(path), WEIGHTS);
  assertStringIncludes(hub.log.at(-1)!, `bytes=${size}-`);
});

onHub("the token goes to the hub alone", async (options, hub) => {
  await hubSnapshot("org/tiny", { ...options, token: "hf_secret" });
  for (const line of hub.log) {
    assertEquals(line.endsWith("Bearer hf_secret"), line.startsWith("hub"));
  }
  hub.log.length = 0;
  await Deno.remove(`${options.cache}/models--org--tiny`, { recursive: true });
  const bytes = await hubBytes("org/tiny", "model.safetensors", {
    ...options,
    token: "hf_secret",
  });
  assertEquals(bytes.size, 3000);
  assertEquals(await bytes.read(1990, 20), WEIGHTS.slice(1990, 2010));
  for (const line of hub.log) {
    assertEquals(line.endsWith("Bearer hf_secret"), line.startsWith("hub"));
  }
  // An endpoint that is given here does not get the environment's token.
  const { cache } = options;
  const tokens = async (env: Record<string, string>, given: HubOptions) => {
    hub.log.length = 0;
    await withVariables(env, async () => {
      await hubFiles("org/tiny", given);
    });
    return [
      ...new Set(hub.log.map((line) => line.split(" ").slice(4).join(" "))),
    ];
  };
  const variables = { HF_TOKEN: "hf_ambient", HF_ENDPOINT: hub.url };
  assertEquals(await tokens(variables, options), ["no token"]);
  assertEquals(await tokens(variables, { cache }), ["Bearer hf_ambient"]);
  assertEquals(await tokens(variables, { cache, token: false }), ["no token"]);
  await Deno.writeTextFile(`${cache}/token`, "hf_file\n");
  const home = { HF_HOME: cache, HF_ENDPOINT: hub.url };
  assertEquals(await tokens(home, { cache }), ["Bearer hf_file"]);
});

onHub("no message shows a token or a password", async ({ cache }, hub) => {
  const path = `${cache}/token`;
  await Deno.writeTextFile(path, "hf_secret\nand more");
  const endpoint = "http://user:secret@hub.example";
  const cases: [Record<string, string>, HubOptions, string][] = [
    [{ HF_TOKEN: "hf_secret\nand more" }, {}, "HF_TOKEN should hold a token"],
    [{ HF_TOKEN: "hf_secret…" }, {}, "HF_TOKEN should hold a token"],
    [{ HF_TOKEN_PATH: path }, {}, "HF_TOKEN_PATH) should hold a token"],
    [{}, { token: "hf_secret\n" }, "token should be visible ASCII characters"],
    [{}, { endpoint }, "one with a name or a password"],
    [{ HF_ENDPOINT: endpoint }, {}, "one with a name or a password"],
  ];
  for (const [env, given, said] of cases) {
    await withVariables({ HF_ENDPOINT: hub.url, ...env }, async () => {
      const error = await assertRejects(
        () => hubFiles("org/tiny", { cache, retries: 0, ...given }),
        Error,
        said,
      );
      assert(!Deno.inspect(error).includes("secret"), Deno.inspect(error));
    });
  }
  assertEquals(hub.log, []);
});

onHub(
  "a redirect that leads elsewhere does not come back with the token",
  async (options, hub) => {
    const seen: string[] = [];
    const fetcher = (input: string | URL | Request, init?: RequestInit) => {
      const { host, pathname } = new URL(String(input));
      seen.push(
        `${host}${pathname} ${new Headers(init?.headers).get("authorization")}`,
      );
      const location = pathname === "/back"
        ? `${hub.url}/api/end`
        : pathname === "/api/end"
        ? undefined
        : "http://other.example/back";
      return Promise.resolve(
        location
          ? new Response(null, { status: 302, headers: { location } })
          : Response.json({ sha: COMMIT }),
      );
    };
    await hubFiles("org/tiny", { ...options, token: "t", fetch: fetcher })
      .catch(() => {});
    const { host } = new URL(hub.url);
    assertEquals(seen.slice(0, 3), [
      `${host}/api/models/org/tiny/revision/main Bearer t`,
      "other.example/back null",
      `${host}/api/end null`,
    ]);
  },
);

onHub(
  "what is missing, gated or busy says what to do",
  async (options, hub) => {
    const cases: [() => Promise<unknown>, string][] = [
      [() => hubFiles("org/none", options), "there is no model org/none at"],
      [
        () => hubFiles("org/gated", options),
        "org/gated is gated: accept its conditions at",
      ],
      [
        () => hubFiles("org/tiny", { ...options, revision: "v9" }),
        "model org/tiny has no revision v9",
      ],
      [
        () => hubFile("org/tiny", "none.txt", options),
        'model org/tiny has no file "none.txt"',
      ],
      [
        () => hubBytes("org/tiny", "none.txt", options),
        "model org/tiny has no file at",
      ],
      [
        () => hubFiles("org/gated", { ...options, token: "t" }),
        "or it is private",
      ],
    ];
    for (const [run, message] of cases) {
      await assertRejects(
        run,
        Error,
        message,
      );
    }
    // A mirror may leave out the header that says which of both it is.
    hub.faults = { instead: [() => new Response("", { status: 404 })] };
    await assertRejects(
      () => hubFiles("org/tiny", { ...options, revision: "v9" }),
      Error,
      "or it has no revision v9, or it is private",
    );
    const busy = (after: string) => () =>
      new Response("", { status: 429, headers: { "retry-after": after } });
    hub.faults = { instead: [busy("1")] };
    const begin = performance.now();
    await hubFile("org/tiny", "config.json", options);
    assert(performance.now() - begin >= 1000);
    hub.faults = { instead: [busy("86400")] };
    await assertRejects(
      () => hubFiles("org/tiny", { ...options, revision: "v1.0" }),
      Error,
      "asks to wait 86400 s",
    );
  },
);

onHub("a hub that says nothing is given up", async (options, hub) => {
  hub.faults = { stalls: true };
  await assertRejects(
    () =>
      hubFile("org/tiny", "model.safetensors", {
        ...options,
        retries: 0,
        timeout: 100,
      }),
    Error,
    "no byte has come for 0.1 s",
  );
});

/** An answer in pieces, each some milliseconds after the one before. */
function dripped(text: string, milliseconds: number, pieces: number) {
  let sent = 0;
  const size = Math.ceil(text.length / pieces);
  return new Response(
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        await new Promise((go) => setTimeout(go, milliseconds));
        const piece = text.slice(sent, sent += size);
        if (piece === "") controller.close();
        else controller.enqueue(new TextEncoder().encode(piece));
      },
    }),
    { headers: { "content-type": "application/json" } },
  );
}

onHub(
  "a listing may take longer than the timeout while it comes",
  async (options, hub) => {
    const oid = digestOfFile(new Uint8Array(0), false);
    const listed = JSON.stringify([{ type: "file", path: "a", size: 0, oid }]);
    hub.faults = {
      instead: [
        () => dripped(JSON.stringify({ sha: COMMIT }), 60, 10),
        () => dripped(listed, 60, 10),
      ],
    };
    const slow = { ...options, retries: 0, timeout: 400 };
    const start = performance.now();
    const files = await hubFiles("org/tiny", slow);
    assertEquals(files.map(({ path }) => path), ["a"]);
    assert(performance.now() - start > 2 * 400);
    hub.faults = { instead: [() => dripped(listed, 1000, 2)] };
    await assertRejects(
      () => hubFiles("org/tiny", { ...slow, revision: "v1.0" }),
      Error,
      "no byte has come for 0.4 s",
    );
  },
);

onHub("a listing without an end is given up", async (options, hub) => {
  const piece = new Uint8Array(2 ** 24).fill(32);
  let sent = 0;
  const endless = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += piece.length;
          controller.enqueue(piece.slice());
        },
      }),
    );
  hub.faults = { instead: [endless] };
  await assertRejects(
    () => hubFiles("org/tiny", { ...options, retries: 0 }),
    Error,
    "should have at most 268435456 bytes, got more",
  );
  assertLess(sent, 2 ** 29);
});

onHub("paths that escape never reach the disk", async (options, hub) => {
  const oid = digestOfFile(new TextEncoder().encode("x"), false);
  const hostile = [
    ...["../../escaped", "/etc/escaped", "C:/escaped", "a\\..\\escaped"],
    ...["a/../../../escaped", "./escaped", "a//escaped", "nul\0", "", "a\nb"],
  ];
  for (const path of hostile) {
    hub.faults = { lists: [{ type: "file", path, size: 1, oid }] };
    await assertRejects(
      () => hubSnapshot("org/tiny", options),
      RangeError,
      "should be a path within the repository",
    );
    await assertRejects(() => hubFile("org/tiny", path, options), RangeError);
    await assertRejects(
      () => hubFiles("org/tiny", { ...options, revision: path }),
      RangeError,
      "revision should be a branch, a tag or a commit",
    );
  }
  for (const repo of ["../x", "a/b/c", "a/..", "a--b/c", "", "a b", "/a"]) {
    await assertRejects(() => hubFiles(repo, options), RangeError, "repo");
  }
  const wrong = [
    { type: "file", path: "x", size: -1, oid },
    { type: "file", path: "x", size: 1, oid: "../../../escaped" },
    { type: "file", path: "x", size: 1, oid, lfs: { oid, size: 1 } },
    { type: "file", path: "x", size: 1 },
  ];
  for (const entry of wrong) {
    hub.faults = { lists: [entry] };
    await assertRejects(
      () => hubSnapshot("org/tiny", options),
      Error,
      "should list x with a size and a digest",
    );
  }
  hub.faults = { nextPage: "http://other.example/page" };
  await assertRejects(
    () => hubSnapshot("org/tiny", options),
    Error,
    "got the same page again",
  );
  const names = await Array.fromAsync(
    Deno.readDir(options.cache),
    ({ name }) => name,
  );
  assertEquals(names, ["models--org--tiny"]);
});

onHub(
  "options are checked, and the cache is where variables say",
  async (options) => {
    const wrong: [Record<string, unknown>, string][] = [
      [{ revison: "main" }, 'did you mean "revision"'],
      [{ type: "space" }, 'type should be "model" or "dataset"'],
      [{ token: "a\nb" }, "token should be visible ASCII characters"],
      [{ endpoint: "ftp://x" }, "endpoint should be a URL"],
      [{ retries: -1 }, "retries should be a positive integer"],
      [{ offline: "yes" }, "offline should be true or false"],
      [{ fetch: 1 }, "fetch should be a function"],
      [{ signal: 1 }, "signal should be an AbortSignal"],
      [{ cache: "" }, "cache should be a path"],
      [{ include: 1 }, "include should be a pattern"],
    ];
    for (const [option, message] of wrong) {
      await assertRejects(
        () => hubSnapshot("org/tiny", { ...options, ...option }),
        Error,
        message,
      );
    }
    const { cache, endpoint } = options;
    const file = async (env: Record<string, string>) => {
      let path = "";
      await withVariables(env, async () => {
        path = await hubFile("org/tiny", "config.json", { endpoint });
      });
      return path;
    };
    const inHome = await file({ HF_HOME: `${cache}/home` });
    assertStringIncludes(inHome, `${cache}/home/hub/models--org--tiny/`);
    const inCaches = await file({ XDG_CACHE_HOME: `${cache}/x` });
    assertStringIncludes(inCaches, `${cache}/x/huggingface/hub/models--org`);
    const own = { HF_HUB_CACHE: `${cache}/own`, HF_HUB_DISABLE_SYMLINKS: "1" };
    const copy = await file(own);
    assertStringIncludes(copy, `${cache}/own/models--org--tiny/`);
    assert((await Deno.lstat(copy)).isFile);
    await assertRejects(
      () => file({ HF_HUB_CACHE: `${cache}/new`, HF_HUB_OFFLINE: "1" }),
      Error,
      "(offline)",
    );
    await assertRejects(() => file({}), Error, "pass the option cache");
  },
);

onHub(
  "a page whose storage is full, or refused to it, gets files all the same",
  async (options) => {
    const { cache: _, ...others } = options;
    const { caches, console: { warn } } = globalThis;
    const warnings: string[] = [];
    console.warn = (text) => warnings.push(text);
    const full = () =>
      Promise.reject(new DOMException("Quota exceeded", "QuotaExceededError"));
    const storages: Record<string, { open(): Promise<unknown> }> = {
      full: {
        open: () =>
          Promise.resolve({
            match: () => Promise.resolve(undefined),
            put: full,
          }),
      },
      refused: {
        open: () => Promise.reject(new DOMException("no", "SecurityError")),
      },
    };
    try {
      for (const storage of Object.values(storages)) {
        Object.defineProperty(globalThis, "caches", {
          ...{ value: storage, configurable: true, writable: true },
        });
        await withModules(() => undefined, async () => {
          await hubFiles("org/tiny", others);
          const address = await hubFile("org/tiny", "config.json", others);
          URL.revokeObjectURL(address);
        });
      }
    } finally {
      console.warn = warn;
      Object.defineProperty(globalThis, "caches", {
        ...{ value: caches, configurable: true, writable: true },
      });
    }
    const said = warnings.map((text) => text.replace(COMMIT, "COMMIT"));
    assertEquals(said, [
      "refs/main is not kept: Quota exceeded",
      "trees/COMMIT.json is not kept: Quota exceeded",
      "refs/main is not kept: Quota exceeded",
      "config.json is not kept: Quota exceeded",
      "files are not kept: no",
    ]);
  },
);

onHub(
  "a page keeps files in the browser's Cache storage",
  async (options, hub) => {
    const { cache: _, ...others } = options;
    // What a page lacks.
    await withModules(() => undefined, async () => {
      hub.faults = { cuts: [1000] };
      const fetched = async (address: string) => {
        const bytes = await (await fetch(address)).bytes();
        URL.revokeObjectURL(address);
        return bytes;
      };
      const token = { ...others, token: "hf_secret" };
      const address = await hubFile("org/tiny", "model.safetensors", token);
      assertEquals(await fetched(address), WEIGHTS);
      for (const line of hub.log) {
        assertEquals(line.endsWith("Bearer hf_secret"), line.startsWith("hub"));
      }
      hub.faults = { down: true };
      const again = await hubFile("org/tiny", "model.safetensors", {
        ...others,
        retries: 0,
      });
      assertEquals(await fetched(again), WEIGHTS);
      const kept = await hubBytes("org/tiny", "model.safetensors", {
        ...others,
        offline: true,
      });
      assertEquals(await kept.read(10, 5), WEIGHTS.slice(10, 15));
      await assertRejects(
        () => hubSnapshot("org/tiny", others),
        Error,
        "hubSnapshot() needs folders",
      );
      await caches.delete("lion-hub");
      hub.faults = { corrupt: true };
      for (const _ of [1, 2]) {
        await assertRejects(
          () => hubFile("org/tiny", "model.safetensors", others),
          Error,
          "should have the digest",
        );
      }
      await caches.delete("lion-hub");
    });
  },
);
