/** Whatever bytes come to the HTTP port, the answer is a problem or a closed socket, and the next request is served. */
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adminToken, type HttpApi, startHttpApi } from "../../support/http-api.ts";

let api: HttpApi;
beforeAll(async () => {
  api = await startHttpApi({ maxBodyBytes: 2_048 });
});
afterAll(() => api.close());

/** What the server sends until it closes. Bytes that may be the start of something are ended by us. */
function exchange(bytes: string | Uint8Array, endsItself = true, url = api.url): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => (endsItself ? socket.write(bytes) : socket.end(bytes)));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    // The server may close while we still write.
    socket.on("error", ({ code }: NodeJS.ErrnoException) =>
      code === "ECONNRESET" || code === "EPIPE" ? undefined : reject(code),
    );
    socket.on("close", () => resolve(answer));
  });
}

function problemIn(answer: string): { status: number; code: string } {
  expect(answer.toLowerCase()).toContain("content-type: application/problem+json");
  return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)) as { status: number; code: string };
}

async function isAlive(): Promise<void> {
  expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
}

const head = (method: string, path: string, ...lines: string[]) =>
  [
    `${method} ${path} HTTP/1.1`,
    "Host: x",
    `Authorization: Bearer ${adminToken}`,
    "Connection: close",
    ...lines,
    "",
    "",
  ].join("\r\n");

describe("hostile requests", () => {
  test.each([
    ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "REQUEST_INVALID"],
    ["a method nobody knows", "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "REQUEST_INVALID"],
    ["headers without end", `GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431, "HEADERS_TOO_LARGE"],
    ["a URL without end", head("GET", `/${"a".repeat(20_000)}`), 431, "HEADERS_TOO_LARGE"],
    ["an id without end", head("GET", `/api/v1/devices/${"a".repeat(2_000)}`), 400, "REQUEST_INVALID"],
    ["a method that no route has", head("PUT", "/api/v1/devices"), 404, "NOT_FOUND"],
    ["a broken escape", head("GET", "/api/v1/devices/%zz"), 400, "REQUEST_INVALID"],
    ["an escaped path", head("GET", "/api/v1/devices/..%2f..%2fetc%2fpasswd"), 400, "REQUEST_INVALID"],
    ["a path upwards", head("GET", "/api/v1/../../etc/passwd"), 404, "NOT_FOUND"],
    ["a path upwards in the docs", head("GET", "/api/docs/static/..%2f..%2f..%2fpackage.json"), 404, "NOT_FOUND"],
    [
      "two content lengths",
      head("POST", "/api/v1/devices", "Content-Length: 1", "Content-Length: 2"),
      400,
      "REQUEST_INVALID",
    ],
    [
      "a length and chunks",
      `${head("POST", "/api/v1/devices", "Content-Length: 3", "Transfer-Encoding: chunked")}0\r\n\r\n`,
      400,
      "REQUEST_INVALID",
    ],
    [
      "a body too long by its own word",
      head("POST", "/api/v1/devices", "Content-Type: application/json", "Content-Length: 99999999"),
      413,
      "REQUEST_TOO_LARGE",
    ],
    [
      "half a JSON",
      `${head("POST", "/api/v1/devices", "Content-Type: application/json", "Content-Length: 4")}{"id`,
      400,
      "REQUEST_INVALID",
    ],
    [
      "no JSON",
      `${head("POST", "/api/v1/devices", "Content-Type: text/plain", "Content-Length: 4")}text`,
      415,
      "MEDIA_TYPE_UNSUPPORTED",
    ],
    [
      "an empty JSON",
      head("POST", "/api/v1/devices", "Content-Type: application/json", "Content-Length: 0"),
      400,
      "REQUEST_INVALID",
    ],
  ])("%s is a problem", async (_what, bytes, status, code) => {
    const answer = await exchange(bytes);
    expect(Number(answer.slice(9, 12))).toBe(status);
    expect(problemIn(answer)).toMatchObject({ status, code });
    await isAlive();
  });

  test("a body that grows too long in chunks is cut off", async () => {
    const chunk = `800\r\n${"a".repeat(0x800)}\r\n`;
    const answer = await exchange(
      `${head("POST", "/api/v1/devices", "Content-Type: application/json", "Transfer-Encoding: chunked")}${chunk.repeat(8)}0\r\n\r\n`,
    );
    expect(problemIn(answer)).toMatchObject({ status: 413, code: "REQUEST_TOO_LARGE" });
    await isAlive();
  });

  test("a prototype in JSON is refused", async () => {
    const response = await fetch(`${api.url}/api/v1/devices`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
      body: '{"id":"a","__proto__":{"name":"x"}}',
    });
    expect(await response.json()).toMatchObject({ status: 400, code: "REQUEST_INVALID" });
  });

  test("a body of unknown keys is refused with a short answer", async () => {
    const body = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`key-${i}`, i]));
    const response = await api.call("POST", "/api/v1/devices", body);
    const text = await response.text();
    expect(response.status).toBe(400);
    expect(text.length).toBeLessThan(2_000);
  });

  test("a request that never ends is cut off by the clock", async () => {
    const impatient = await startHttpApi({ requestTimeoutMs: 1_000 });
    try {
      const answer = await exchange("GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", true, impatient.url);
      expect(problemIn(answer)).toMatchObject({ status: 408, code: "REQUEST_TIMEOUT" });
    } finally {
      await impatient.close();
    }
  });

  test("any JSON as body is a device or a problem", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (body) => {
        const response = await fetch(`${api.url}/api/v1/devices`, {
          method: "POST",
          headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
          body,
        });
        expect([201, 400, 409, 413]).toContain(response.status);
        expect(await response.json()).toBeTypeOf("object");
      }),
      { numRuns: 200 },
    );
  });

  test("any path is an answer in JSON or text, never a 500", async () => {
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.webQueryParameters(), async (path, query) => {
        const response = await api.call("GET", `/api/v1${path}?${query}`);
        expect(response.status).toBeLessThan(500);
        await response.arrayBuffer();
      }),
      { numRuns: 200 },
    );
  });

  test("any bytes leave the server alive", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), async (bytes) => {
        await exchange(bytes, false);
      }),
      { numRuns: 100 },
    );
    await isAlive();
  });
});
