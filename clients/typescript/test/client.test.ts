// SPDX-License-Identifier: FSL-1.1-MIT
/** Every method against a real daemon, and what is no daemon against servers that misbehave. Run by pytest. */

import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { Client, type CallOptions, ConexusError, connect, type Job } from "@conexus/client";
import { connectLocal, dataFolder, findDaemon } from "@conexus/client/node";

function variable(name: string): string {
  const value = process.env[name];
  assert.ok(value, name);
  return value;
}

const url = variable("CONEXUS_URL");
const token = variable("CONEXUS_TOKEN");
const home = variable("CONEXUS_HOME");
const tree = variable("CONEXUS_TREE");
const small = variable("CONEXUS_SMALL");
const QUESTION = "fine of a late loan";

const called = new Set<string>();
const conexus = new Proxy(connect({ url, token }), {
  get(client, name) {
    called.add(String(name));
    const found: unknown = Reflect.get(client, name, client);
    return typeof found === "function" ? found.bind(client) : found;
  },
});

function fails(code: string, facts: { field?: string; status?: number; message?: RegExp } = {}) {
  return (error: unknown): true => {
    assert.ok(error instanceof ConexusError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message);
    assert.ok(!`${error.stack} ${JSON.stringify(error)}`.includes(token));
    if (facts.field !== undefined) {
      assert.equal(error.details["field"], facts.field);
    }
    if (facts.status !== undefined) {
      assert.equal(error.status, facts.status);
    }
    if (facts.message !== undefined) {
      assert.match(error.message, facts.message);
    }
    return true;
  };
}

async function collected<T>(found: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of found) {
    all.push(one);
  }
  return all;
}

test("search finds by a question, and by a request that says more", async () => {
  const answer = await conexus.search(QUESTION);
  assert.equal(answer.results[0]?.path, "desk/lending.py");
  assert.equal(answer.query, QUESTION);
  const ruby = await conexus.search({ query: "retry", limit: 3, filter: { languages: ["ruby"] } });
  assert.deepEqual(new Set(ruby.results.map((one) => one.language)), new Set(["ruby"]));
  const first = await conexus.search({ query: "loan", limit: 1 });
  const second = await conexus.search({ query: "loan", limit: 1, cursor: first.next_cursor });
  assert.notEqual(first.results[0]?.id, second.results[0]?.id);
});

test("a batch has an answer or an error for each question", async () => {
  const items = await conexus.batchSearch([QUESTION, { query: "???" }]);
  assert.equal(items[0]?.response?.results[0]?.path, "desk/lending.py");
  assert.equal(items[1]?.error?.code, "invalid_query");
});

test("what is no search answers from the same index", async () => {
  const packed = await conexus.context({ query: QUESTION, max_tokens: 500 });
  assert.ok(packed.tokens <= 500 && packed.text.includes("desk/lending.py"));
  assert.ok((await conexus.context(QUESTION)).blocks.length > 0);
  const place = { repository: "lending", path: "desk/lending.py", line: 30 };
  assert.ok((await conexus.similar(place)).results.length > 0);
  assert.equal((await conexus.symbols("statement")).definitions[0]?.path, "desk/lending.py");
  assert.ok((await conexus.symbols({ name: "statement", uses: true })).uses.length > 0);
  const related = await conexus.related({ repository: "lending", path: "desk/lending.py" });
  assert.ok(related.some((one) => one.path === "desk/report.py"));
  const read = await conexus.file({ repository: "lending", path: "desk/lending.py", start_line: 1, end_line: 2 });
  const source = await readFile(join(tree, "desk", "lending.py"), "utf-8");
  assert.equal(read.text.trimEnd(), source.split("\n").slice(0, 2).join("\n").trimEnd());
  assert.equal((await conexus.map({ repository: "lending", limit: 2 })).files.length, 2);
  assert.ok((await conexus.map("lending")).files_total > 10);
  const imports = await conexus.graph("lending");
  assert.ok(imports.edges.some((edge) => imports.nodes[edge.target]?.path === "desk/lending.py"));
  assert.deepEqual((await conexus.graph({ repository: "lending", limit: 1 })).edges, []);
  assert.equal((await conexus.why({ repository: "lending", path: "trace.log" })).reason, "ignored");
});

test("the graph across repositories is asked for, and refused by an edition that has none", async () => {
  const refused = fails("feature_not_available", { status: 403 });
  await assert.rejects(conexus.graphRepos(), refused);
  await assert.rejects(conexus.graphImpact("statement"), refused);
  await assert.rejects(conexus.graphOwners({ targets: ["statement"], depth: 2 }), refused);
  await assert.rejects(conexus.graphPath("lending", "statement"), refused);
  await assert.rejects(conexus.graphDrift(), refused);
  await assert.rejects(conexus.graphOrphans({ limit: 3 }), refused);
  await assert.rejects(conexus.graphCycles(), refused);
});

test("repositories are listed, and found by name, by id and by folder", async () => {
  const [lending] = await conexus.repository("lending");
  assert.equal(lending?.root, tree);
  assert.deepEqual(await conexus.repository("example.org/tools/lending"), [lending]);
  assert.deepEqual(await conexus.repository(tree), [lending]);
  assert.ok((await conexus.repositories()).some((one) => one.root === tree));
  await assert.rejects(conexus.repository("nope?x=1#y"), fails("not_indexed", { status: 404 }));
  for (const name of ["", ".", ".."]) {
    await assert.rejects(conexus.repository(name), fails("invalid_request", { field: "repository" }));
  }
  await assert.rejects(conexus.repository("../../etc"), fails("invalid_request", { status: 400 }));
});

test("an index job is started, followed to its end and looked up", async () => {
  assert.equal((await conexus.estimate({ path: small })).files_to_read, 1);
  const heard: string[] = [];
  const listening = new AbortController();
  const events = (async () => {
    for await (const event of conexus.events({ signal: listening.signal })) {
      heard.push(`${event.type} ${event.job?.id} ${event.job?.state}`);
    }
  })();
  const ended = assert.rejects(events, { name: "AbortError" });
  const job = await conexus.index({ path: small });
  const changes: Job[] = await collected(conexus.follow(job.id));
  assert.equal(changes.at(-1)?.state, "done");
  assert.equal(changes.at(-1)?.report?.files_indexed, 1);
  assert.deepEqual(await conexus.job(job.id), changes.at(-1));
  assert.deepEqual(await collected(conexus.follow(job.id)), [changes.at(-1)]);
  assert.equal((await conexus.cancel(job.id)).state, "done");
  assert.equal((await conexus.jobs({ limit: 1 })).jobs[0]?.id, job.id);
  assert.ok((await conexus.jobs()).jobs.length > 0);
  const removed = await conexus.call("delete", "/v1/repositories/{repository}", {
    path: { repository: changes.at(-1)?.repository ?? "" },
  });
  assert.equal(removed.removed.length, 1);
  await assert.rejects(collected(conexus.follow("nothing")), fails("not_found", { field: "id" }));
  // A second job is seen by the listener that was there before; the first may have begun before it listened.
  const other = await conexus.index({ repository: "lending" });
  await collected(conexus.follow(other.id));
  while (!heard.includes(`job ${other.id} done`)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  listening.abort();
  await ended;
});

test("status says what is served", async () => {
  const status = await conexus.status();
  assert.equal(status.rest, url);
  assert.ok(status.repositories >= 1);
});

test("errors have a code, a message, a hint and details", async () => {
  const unknown = { query: "x", filter: { languages: ["klingon"] } };
  await assert.rejects(conexus.search(unknown), fails("invalid_request", { field: "filter.languages", status: 400 }));
  const nowhere = { query: "x", filter: { repositories: ["nope"] } };
  await assert.rejects(conexus.search(nowhere), (error) => {
    fails("not_indexed", { status: 404, message: /nope/ })(error);
    assert.match((error as ConexusError).hint ?? "", /lending/);
    return true;
  });
  await assert.rejects(conexus.search(""), fails("invalid_query"));
});

test("a wrong token, and none, are refused", async () => {
  await assert.rejects(connect({ url, token: "wrong" }).status(), fails("unauthenticated", { status: 401 }));
  await assert.rejects(collected(connect({ url }).events()), fails("unauthenticated", { status: 401 }));
});

test("a call is given up when its signal says so", async () => {
  const stop = new AbortController();
  const searches = Array.from({ length: 50 }, (_, number) => `${QUESTION} ${number}`);
  const asked = conexus.batchSearch(searches, { signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 5);
  await assert.rejects(asked, { message: "enough" });
  await assert.rejects(conexus.status({ signal: stop.signal }), { message: "enough" });
  const events = conexus.events({ signal: AbortSignal.timeout(50) });
  await assert.rejects(collected(events), { name: "TimeoutError" });
});

test("a call that takes too long is an error", async () => {
  const searches = Array.from({ length: 50 }, (_, number) => `${QUESTION} ${number}`);
  await assert.rejects(conexus.batchSearch(searches, { timeoutMs: 1 }), fails("deadline_exceeded"));
  const hasty = connect({ url, token, timeoutMs: 1 });
  await assert.rejects(hasty.batchSearch(searches), fails("deadline_exceeded"));
  assert.ok((await hasty.status({ timeoutMs: 0 })).pid > 0);
  // What is followed only has to begin in time.
  const job = await conexus.index({ repository: "lending" });
  assert.equal((await collected(conexus.follow(job.id, { timeoutMs: 30_000 }))).at(-1)?.state, "done");
  for (const timeoutMs of [-1, NaN, 2 ** 31]) {
    await assert.rejects(conexus.status({ timeoutMs }), fails("invalid_request"));
  }
});

test("what cannot be an address or a token is refused at once", () => {
  for (const wrong of ["", "127.0.0.1:7520", "ftp://127.0.0.1", "http://me:pass@127.0.0.1", "http://127.0.0.1/?a=1"]) {
    assert.throws(() => connect({ url: wrong, token }), fails("invalid_request"), wrong);
  }
  for (const wrong of ["", "a b", "a\nb", "ä"]) {
    assert.throws(() => connect({ url, token: wrong }), fails("invalid_request"), wrong);
  }
});

test("the daemon of the user is found", async () => {
  const found = await findDaemon();
  assert.equal(found?.http, url);
  assert.equal(found?.token, token);
  assert.equal((await (await connectLocal()).status()).pid, found?.pid);
  assert.equal((await (await connectLocal({ dataFolder: home, timeoutMs: 30_000 })).status()).pid, found?.pid);
});

test("no daemon is found where none runs, nor one whose token is not safe", async () => {
  const folder = await mkdtemp(join(tmpdir(), "conexus-"));
  const state = JSON.parse(await readFile(join(home, "daemon.json"), "utf-8")) as Record<string, unknown>;
  const write = (changes: Record<string, unknown>) =>
    writeFile(join(folder, "daemon.json"), JSON.stringify({ ...state, ...changes }));
  const find = () => findDaemon({ dataFolder: folder });

  assert.equal(await find(), null);
  await assert.rejects(connectLocal({ dataFolder: folder }), fails("unavailable"));
  await write({});
  assert.equal(await find(), null); // there is no token
  await writeFile(join(folder, "daemon.token"), token, { mode: 0o600 });
  assert.equal((await find())?.http, url);
  const others = [{ pid: 2 ** 22 + 1 }, { pid: 0 }, { pid: -1 }, { pid: "1" }, { http: "http://evil.example:80" }, { grpc: 1 }];
  for (const changes of others) {
    await write(changes);
    assert.equal(await find(), null, JSON.stringify(changes));
  }
  for (const text of ["", "{", "null", "[]", " ".repeat(20_000) + JSON.stringify(state)]) {
    await writeFile(join(folder, "daemon.json"), text);
    assert.equal(await find(), null, text.slice(0, 10));
  }
  await write({});
  await chmod(join(folder, "daemon.token"), 0o644);
  await assert.rejects(find(), fails("store", { message: /others can read/ }));
  await chmod(join(folder, "daemon.token"), 0o600);
  await rename(join(folder, "daemon.token"), join(folder, "elsewhere"));
  await symlink(join(folder, "elsewhere"), join(folder, "daemon.token"));
  await assert.rejects(find(), fails("store", { message: /cannot read/ }));
  await mkdir(join(folder, "other"));
  await writeFile(join(folder, "other", "daemon.json"), JSON.stringify(state));
  await writeFile(join(folder, "other", "daemon.token"), "short", { mode: 0o600 });
  assert.equal(await findDaemon({ dataFolder: join(folder, "other") }), null);
});

test("the data folder is that of the environment, or the usual one", () => {
  assert.equal(dataFolder({ CONEXUS_HOME: "/a/b" }), "/a/b");
  assert.equal(dataFolder({ CONEXUS_HOME: "/a/b", CONEXUS_STORE_PATH: "/c" }), "/c");
  assert.ok(!dataFolder({ CONEXUS_HOME: "~/x" }).includes("~"));
  assert.match(dataFolder({}), /conexus$/);
});

// ------------------------------------------------------------------------------ what is no daemon

async function served<T>(answer: (response: ServerResponse) => void, ask: (client: Client) => Promise<T>): Promise<T> {
  const server = createServer((_, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await ask(connect({ url: `http://127.0.0.1:${port}/`, token, timeoutMs: 30_000 }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const JOB = { id: "a", state: "running", name: "ä – 漢字 🙂" };
const SSE = { "content-type": "text/event-stream; charset=utf-8" };

test("what answers in another way is no daemon", async () => {
  const status = (client: Client) => client.status();
  const html = (code: number) => (response: ServerResponse) => response.writeHead(code).end("<html>");
  await assert.rejects(served(html(200), status), fails("unavailable", { status: 200 }));
  await assert.rejects(served(html(502), status), fails("unavailable", { status: 502 }));
  const json = (response: ServerResponse) => response.writeHead(418).end('{"code": 7}');
  await assert.rejects(served(json, status), fails("unavailable", { status: 418 }));
  await assert.rejects(served((response) => response.destroy(), status), fails("unavailable"));
  const nobody = await served(html(200), async (client) => client);
  await assert.rejects(nobody.status(), fails("unavailable", { message: /cannot be reached/ }));
  await assert.rejects(served(html(200), (client) => collected(client.events())), fails("unavailable"));
});

test("the token goes nowhere else", async () => {
  let followed = false;
  const other = createServer((_, response) => {
    followed = true;
    response.end("{}");
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  const away = (response: ServerResponse) => response.writeHead(307, { location: `http://127.0.0.1:${port}/` }).end();
  await assert.rejects(served(away, (client) => client.status()), fails("unavailable"));
  other.close();
  assert.equal(followed, false);
});

test("events are read however they are cut", async () => {
  const text =
    `: keep-alive\r\n\r\nevent: job\r\ndata: ${JSON.stringify(JOB)}\r\n\r\nid: 7\nevent:job\n` +
    `data: {"id": "a",\ndata:"state": "done"}\n\n: the end\nevent: job\ndata: {"cut`;
  const bytes = Buffer.from(text);
  for (const size of [1, 2, 7, bytes.length]) {
    const jobs = await served(
      (response) => {
        response.writeHead(200, SSE);
        for (let start = 0; start < bytes.length; start += size) {
          response.write(bytes.subarray(start, start + size));
        }
        response.end();
      },
      (client) => collected(client.follow("a")),
    );
    assert.deepEqual(jobs, [JOB, { id: "a", state: "done" }]);
  }
});

test("a stream that ends too early, or says an error, is one", async () => {
  const short = (response: ServerResponse) => response.writeHead(200, SSE).end(`data: ${JSON.stringify(JOB)}\n\n`);
  await assert.rejects(served(short, (client) => collected(client.follow("a"))), fails("unavailable"));
  const failure = { code: "unauthenticated", message: "revoked", hint: null, details: {} };
  const told = (response: ServerResponse) =>
    response.writeHead(200, SSE).end(`event: error\ndata: ${JSON.stringify(failure)}\n\n`);
  await assert.rejects(served(told, (client) => collected(client.follow("a"))), fails("unauthenticated"));
  const broken = (response: ServerResponse) => response.writeHead(200, SSE).end("data: {\n\n");
  await assert.rejects(served(broken, (client) => collected(client.events())), fails("unavailable"));
});

test("a stream that nobody reads any more is closed", { timeout: 20_000 }, async () => {
  let closed: Promise<unknown> | undefined;
  const endless = (response: ServerResponse) => {
    closed = new Promise((resolve) => response.on("close", resolve));
    response.writeHead(200, SSE).write(`data: ${JSON.stringify(JOB)}\n\n`);
  };
  await served(endless, async (client) => {
    for await (const job of client.follow("a")) {
      assert.deepEqual(job, JOB);
      break;
    }
    await closed;
  });
});

test("a stream that does not begin in time is an error", async () => {
  const options: CallOptions = { timeoutMs: 50 };
  await assert.rejects(served(() => {}, (client) => collected(client.events(options))), fails("deadline_exceeded"));
});

after(() => {
  const methods = Object.getOwnPropertyNames(Client.prototype).filter((name) => name !== "constructor");
  assert.deepEqual(methods.filter((name) => !called.has(name)), []);
});
