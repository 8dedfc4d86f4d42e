import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ReadingRow } from "../../../gateway/http/services.ts";
import type { EventView } from "../../../src/ledger/event-view.ts";
import { adminToken, type HttpApi, startHttpApi } from "../../support/http-api.ts";
import { entryView } from "../../support/memory-services.ts";

// RFC 8032 §7.1 TEST 1 and TEST 2
const keyHex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const otherKeyHex = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const keyBase64 = Buffer.from(keyHex, "hex").toString("base64");

let api: HttpApi;
beforeEach(async () => {
  api = await startHttpApi();
});
afterEach(() => api.close());

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  const problem = (await response.json()) as Problem;
  expect(problem).toMatchObject({
    type: "about:blank",
    status: response.status,
    title: expect.any(String),
    hint: expect.any(String),
  });
  return problem;
}

describe("devices", () => {
  test("enrolling answers 201 with the device, its place and its first key epoch", async () => {
    const response = await api.call("POST", "/api/v1/devices", {
      id: "myco-1",
      publicKey: keyHex,
      name: "Oak",
      role: "probe",
    });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe("/api/v1/devices/myco-1");
    expect(await response.json()).toMatchObject({
      id: "myco-1",
      name: "Oak",
      role: "probe",
      revokedAt: null,
      keys: [{ epoch: 1, publicKey: keyBase64, validUntil: null }],
    });
  });

  test.each([
    ["hex", keyHex],
    ["upper-case hex", keyHex.toUpperCase()],
    ["base64", keyBase64],
    ["base64url", Buffer.from(keyHex, "hex").toString("base64url")],
  ])("a public key may be given as %s", async (_form, publicKey) => {
    const response = await api.call("POST", "/api/v1/devices", { id: "myco-1", publicKey });
    expect(response.status).toBe(201);
    expect(Buffer.from(api.state.devices.get("myco-1")!.keys[0]!.publicKey).toString("hex")).toBe(keyHex);
  });

  test("a board without a key is enrolled without key epochs", async () => {
    const response = await api.call("POST", "/api/v1/devices", { id: "board" });
    expect(await response.json()).toMatchObject({ id: "board", keys: [] });
  });

  test("a second device of the same id is a conflict", async () => {
    await api.call("POST", "/api/v1/devices", { id: "myco-1" });
    const response = await api.call("POST", "/api/v1/devices", { id: "myco-1" });
    expect(response.status).toBe(409);
    expect(await problemOf(response)).toMatchObject({ code: "DEVICE_EXISTS" });
  });

  test("a text that is no public key is refused as such", async () => {
    const response = await api.call("POST", "/api/v1/devices", { id: "myco-1", publicKey: "abcd" });
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({ code: "PUBLIC_KEY_INVALID" });
  });

  test.each([
    [{ publicKey: keyHex }, "id is missing"],
    [{ id: "a b" }, "id does not fit"],
    [{ id: 5 }, "id must be string"],
    [{ id: "a", publickey: keyHex }, 'publickey is unknown (did you mean "publicKey"?)'],
    [[], "must be object"],
    ["text", "must be object"],
    [null, "id is missing"],
  ])("the body %j is refused by the name of its field", async (body, message) => {
    const response = await api.call("POST", "/api/v1/devices", body);
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.code).toBe("REQUEST_INVALID");
    expect(problem.detail).toContain(message);
  });

  test("the list comes in pages by id, each device once", async () => {
    const ids = ["b", "a", "d", "c", "e"];
    for (const id of ids) await api.call("POST", "/api/v1/devices", { id });
    const seen: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const response = await api.call("GET", `/api/v1/devices?limit=2${next && `&cursor=${next}`}`);
      const page = (await response.json()) as { data: { id: string }[]; next: string | null };
      expect(page.data.length).toBeLessThanOrEqual(2);
      seen.push(...page.data.map(({ id }) => id));
      next = page.next;
    }
    expect(seen).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("an unknown device is 404 DEVICE_NOT_FOUND for every verb", async () => {
    const calls = [
      api.call("GET", "/api/v1/devices/nobody"),
      api.call("POST", "/api/v1/devices/nobody/keys", { publicKey: keyHex }),
      api.call("POST", "/api/v1/devices/nobody/revoke", {}),
      api.call("POST", "/api/v1/devices/nobody/commands", { cmd: "ping" }),
    ];
    for (const response of await Promise.all(calls)) {
      expect(response.status).toBe(404);
      expect(await problemOf(response)).toMatchObject({ code: "DEVICE_NOT_FOUND" });
    }
  });

  test("rotating begins the next epoch and lets the key before run out", async () => {
    await api.call("POST", "/api/v1/devices", { id: "myco-1", publicKey: keyHex });
    const response = await api.call("POST", "/api/v1/devices/myco-1/keys", {
      publicKey: otherKeyHex,
      overlapSeconds: 60,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      keys: [
        { epoch: 1, validUntil: expect.stringMatching(/Z$/) },
        { epoch: 2, validUntil: null },
      ],
    });
  });

  test("a number in a body is a number, not text that looks like one", async () => {
    await api.call("POST", "/api/v1/devices", { id: "myco-1", publicKey: keyHex });
    const body = { publicKey: otherKeyHex, overlapSeconds: "60" };
    const problem = await problemOf(await api.call("POST", "/api/v1/devices/myco-1/keys", body));
    expect(problem).toMatchObject({ status: 400, code: "REQUEST_INVALID" });
    expect(api.state.devices.get("myco-1")!.keys).toHaveLength(1);
  });

  test("revoking works without a body, once", async () => {
    await api.call("POST", "/api/v1/devices", { id: "myco-1" });
    const first = await api.call("POST", "/api/v1/devices/myco-1/revoke");
    expect(await first.json()).toMatchObject({ revokedAt: expect.stringMatching(/Z$/) });
    const second = await api.call("POST", "/api/v1/devices/myco-1/revoke", { reason: "again" });
    expect(await problemOf(second)).toMatchObject({ status: 409, code: "DEVICE_REVOKED" });
  });
});

describe("commands", () => {
  const path = "/api/v1/devices/myco-1/commands";

  beforeEach(async () => {
    await api.call("POST", "/api/v1/devices", { id: "myco-1" });
  });

  test("a command is passed on with its defaults, and answered with what came of it", async () => {
    const done = await api.call("POST", path, { cmd: "led", params: { on: true } });
    expect([done.status, done.headers.get("location")]).toEqual([200, "/api/v1/commands/c-1"]);
    expect(await done.json()).toEqual({
      ...{
        id: "c-1",
        deviceId: "myco-1",
        cmd: "led",
        params: { on: true },
        by: "admin",
        via: "http",
        timeoutMs: 5_000,
      },
      ...{ state: "succeeded", message: "done", code: null, link: "serial" },
      acceptedAt: "2025-06-15T15:06:40.000Z",
      expiresAt: "2025-06-15T15:07:40.000Z",
      sentAt: "2025-06-15T15:06:40.000Z",
      finishedAt: "2025-06-15T15:06:40.001Z",
    });
  });

  test("one that is open yet is a 202, found again under its id", async () => {
    const open = await api.call("POST", path, { cmd: "sleep", id: "mine", waitMs: 0 });
    expect([open.status, await open.json()]).toMatchObject([202, { id: "mine", state: "sent", finishedAt: null }]);
    const found = await api.call("GET", "/api/v1/commands/mine?waitMs=1");
    expect([found.status, await found.json()]).toMatchObject([200, { id: "mine", cmd: "sleep" }]);
    expect(await problemOf(await api.call("GET", "/api/v1/commands/other"))).toMatchObject({
      status: 404,
      code: "COMMAND_NOT_FOUND",
    });
  });

  test("an Idempotency-Key is the id: the same key again is the same command", async () => {
    const headers = { authorization: `Bearer ${adminToken}`, "idempotency-key": "key-1" };
    for (let time = 0; time < 2; time++) {
      expect(await (await api.call("POST", path, { cmd: "led" }, headers)).json()).toMatchObject({ id: "key-1" });
    }
    expect(api.state.commands.size).toBe(1);
    const wrong = { ...headers, "idempotency-key": "with space" };
    expect(await problemOf(await api.call("POST", path, { cmd: "led" }, wrong))).toMatchObject({
      code: "REQUEST_INVALID",
    });
  });

  test("what the device cannot do is a 4xx", async () => {
    expect(await problemOf(await api.call("POST", path, { cmd: "fly" }))).toMatchObject({
      status: 400,
      code: "COMMAND_UNKNOWN",
    });
  });

  test("the list is newest first, page by page", async () => {
    for (const id of ["a", "b", "c"]) await api.call("POST", path, { cmd: "led", id });
    const first = (await (await api.call("GET", `${path}?limit=2`)).json()) as { data: { id: string }[]; next: string };
    expect(first.data.map(({ id }) => id)).toEqual(["c", "b"]);
    const rest = (await (await api.call("GET", `${path}?limit=2&cursor=${first.next}`)).json()) as typeof first;
    expect([rest.data.map(({ id }) => id), rest.next]).toEqual([["a"], null]);
    expect((await api.call("GET", `${path}?cursor=nothing`)).status).toBe(400);
  });
});

describe("the disagreement of two sensors", () => {
  test("is told from the latest readings of both, and null where there are no two", async () => {
    await api.call("POST", "/api/v1/devices", { id: "field-1" });
    const path = "/api/v1/devices/field-1/disagreement";
    const nothing = { deviceId: "field-1", index: null, time: null, parts: [] };
    expect(await (await api.call("GET", path)).json()).toEqual(nothing);
    const row = (sensor: string, value: string, unit: string, minute: number): ReadingRow => ({
      ...{ deviceId: "field-1", seq: null, msgId: null, leafIndex: 7, verification: "attested", timeSource: "gateway" },
      ...{ sensor, value, unit, quality: 0, time: `2026-06-01T12:0${minute}:00.000Z` },
    });
    api.state.readings = [
      ...[row("amb.pressure", "1001.5", "hPa", 4), row("env.pressure", "100350", "Pa", 3)],
      ...[row("amb.pressure", "900", "hPa", 2), row("amb.temp", "20", "C", 2)],
    ];
    expect(await (await api.call("GET", path)).json()).toEqual({
      ...{ deviceId: "field-1", index: 0.5, time: "2026-06-01T12:04:00.000Z" },
      parts: [{ quantity: "pressure", amb: 1001.5, env: 1003.5, index: 0.5 }],
    });
    expect((await api.call("GET", "/api/v1/devices/nobody/disagreement")).status).toBe(404);
  });
});

describe("gaps", () => {
  test("are told by counter and run, with how far the report goes", async () => {
    await api.call("POST", "/api/v1/devices", { id: "myco-1" });
    const report = await api.call("GET", "/api/v1/devices/myco-1/gaps?from=2026-06-01");
    expect([report.status, await report.json()]).toMatchObject([
      200,
      {
        ...{ deviceId: "myco-1", upToLeaf: 31, complete: true },
        counters: [
          {
            name: "envelope",
            missing: 2,
            runs: [
              {
                gaps: [
                  { from: 4, to: 4 },
                  { from: 7, to: 7 },
                ],
              },
            ],
          },
          {},
        ],
      },
    ]);
    expect((await api.call("GET", "/api/v1/devices/nobody/gaps")).status).toBe(404);
    expect((await api.call("GET", "/api/v1/devices/myco-1/gaps?from=yesterday")).status).toBe(400);
    api.state.databaseIsUp = false;
    expect((await api.call("GET", "/api/v1/devices/myco-1/gaps")).status).toBe(503);
  });
});

describe("tracks", () => {
  const point = {
    time: "2026-06-01T12:00:00.000Z",
    latE7: 327_157_001,
    lonE7: -1_171_611_000,
    altitudeM: 12.5,
    accuracyM: undefined,
    leafIndex: 7,
    verification: "attested",
    timeSource: "gateway",
  } as const;
  const coordinates = [-117.1611, 32.7157001, 12.5];

  test("are GeoJSON: a line with its times, and its points; one point is no line", async () => {
    await api.call("POST", "/api/v1/devices", { id: "drone" });
    api.state.points.push(point);
    const one = await api.call("GET", "/api/v1/devices/drone/track");
    expect(one.headers.get("content-type")).toContain("application/geo+json");
    const { time, leafIndex, verification, timeSource } = point;
    const feature = {
      type: "Feature",
      geometry: { type: "Point", coordinates },
      properties: { deviceId: "drone", time, leafIndex, verification, timeSource },
    };
    expect(await one.json()).toEqual({ type: "FeatureCollection", features: [feature], next: null });
    api.state.points.push({ ...point, altitudeM: undefined, accuracyM: 4 });
    const answer = await api.call("GET", "/api/v1/devices/drone/track?from=2026-06-01&limit=2");
    const two = (await answer.json()) as { features: unknown[] };
    const second = { ...feature, geometry: { type: "Point", coordinates: coordinates.slice(0, 2) } };
    expect(two.features).toEqual([
      {
        type: "Feature",
        geometry: { type: "LineString", coordinates: [coordinates, coordinates.slice(0, 2)] },
        properties: { deviceId: "drone", times: [time, time] },
      },
      feature,
      { ...second, properties: { ...feature.properties, accuracyM: 4 } },
    ]);
    expect(api.state.trackQueries.at(-1)).toMatchObject({ device: "drone", limit: 2, from: new Date("2026-06-01") });
  });

  test.each(["limit=0", "limit=10001", "from=yesterday", "order=asc"])("%s is refused", async (query) => {
    await api.call("POST", "/api/v1/devices", { id: "drone" });
    expect(await problemOf(await api.call("GET", `/api/v1/devices/drone/track?${query}`))).toMatchObject({
      status: 400,
    });
  });

  test("a device that nobody enrolled has none", async () => {
    const answer = await api.call("GET", "/api/v1/devices/nobody/track");
    expect(await problemOf(answer)).toMatchObject({ code: "DEVICE_NOT_FOUND" });
  });
});

describe("readings", () => {
  const row = {
    time: "2024-05-01T12:00:00.000Z",
    deviceId: "myco-1",
    sensor: "temperature",
    value: "21.70",
    unit: "degC",
    quality: 0,
    seq: "18446744073709551615",
    msgId: 'a"b',
    leafIndex: 7,
    verification: "verified",
    timeSource: "device",
  } as const;

  test("value and seq are the exact decimals, as JSON numbers", async () => {
    api.state.readings.push(row, {
      ...row,
      value: "-0.000000000000000000001",
      seq: null,
      msgId: null,
      sensor: 300,
      unit: 9,
    });
    const text = await (await api.call("GET", "/api/v1/readings")).text();
    expect(text).toBe(
      '{"data":[{"time":"2024-05-01T12:00:00.000Z","deviceId":"myco-1","sensor":"temperature","value":21.70,"unit":"degC",' +
        '"quality":0,"seq":18446744073709551615,"msgId":"a\\"b","leafIndex":7,"verification":"verified","timeSource":"device"},' +
        '{"time":"2024-05-01T12:00:00.000Z","deviceId":"myco-1","sensor":300,"value":-0.000000000000000000001,"unit":9,' +
        '"quality":0,"seq":null,"msgId":null,"leafIndex":7,"verification":"verified","timeSource":"device"}],"next":null}',
    );
    expect(() => JSON.parse(text)).not.toThrow();
  });

  test("an answer is JSON by its content type", async () => {
    const response = await api.call("GET", "/api/v1/readings");
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await response.json()).toEqual({ data: [], next: null });
  });

  test("the query arrives typed, newest first and a hundred at a time unless told", async () => {
    await api.call("GET", "/api/v1/readings");
    await api.call(
      "GET",
      "/api/v1/readings?device=myco-1&sensor=1&from=2024-05-01&to=2024-05-02T10:00:00.5%2B02:00&limit=7&cursor=abc&order=asc",
    );
    expect(api.state.queries).toEqual([
      { limit: 100, order: "desc", from: undefined, to: undefined },
      {
        device: "myco-1",
        sensor: "1",
        from: new Date("2024-05-01T00:00:00Z"),
        to: new Date("2024-05-02T08:00:00.5Z"),
        limit: 7,
        cursor: "abc",
        order: "asc",
      },
    ]);
  });

  test.each([
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=1.5", "limit"],
    ["limit=ten", "limit"],
    ["limit=1&limit=2", "limit"],
    ["order=up", "order"],
    ["from=yesterday", "from"],
    ["from=2024-13-01", "from"],
    ["to=1714564800", "to"],
    ["device=../etc", "device"],
    ["sensr=1", 'sensr is unknown (did you mean "sensor"?)'],
  ])("?%s is refused by name", async (query, message) => {
    const response = await api.call("GET", `/api/v1/readings?${query}`);
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem.code).toBe("REQUEST_INVALID");
    expect(problem.detail).toContain(message);
  });

  test("without a database the problem says so and when to come back", async () => {
    api.state.databaseIsUp = false;
    const response = await api.call("GET", "/api/v1/readings");
    expect(response.headers.get("retry-after")).toBe("5");
    expect(await problemOf(response)).toMatchObject({ status: 503, code: "DATABASE_UNAVAILABLE" });
  });
});

describe("entries and the checkpoint", () => {
  test("an entry carries the bytes verbatim and its leaf hash in hex", async () => {
    const payload = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    api.state.entries.push(entryView(0, payload, "myco-1"));
    const entry = (await (await api.call("GET", "/api/v1/entries/0")).json()) as { payload: string; leafHash: string };
    expect(Buffer.from(entry.payload, "base64")).toEqual(Buffer.from(payload));
    expect(entry).toEqual({
      ...api.state.entries[0],
      payload: entry.payload,
      leafHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("an index beyond the ledger is ENTRY_NOT_FOUND", async () => {
    expect(await problemOf(await api.call("GET", "/api/v1/entries/0"))).toMatchObject({
      status: 404,
      code: "ENTRY_NOT_FOUND",
    });
  });

  test.each(["-1", "1.5", "0x10", "1e3", "99999999999999999999", "abc", "%00"])(
    "the index %s is refused",
    async (index) => {
      const response = await api.call("GET", `/api/v1/entries/${index}`);
      expect(await problemOf(response)).toMatchObject({ status: 400, code: "REQUEST_INVALID" });
    },
  );

  test("the checkpoint is a problem before the first, then plain text for everyone", async () => {
    expect(await problemOf(await fetch(`${api.url}/checkpoint`))).toMatchObject({ status: 404, code: "NOT_FOUND" });
    api.state.checkpoint = "gw.example/ledger/1\n5\nAAAA\n\n\u2014 gw sig\n";
    const response = await fetch(`${api.url}/checkpoint`);
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await response.text()).toBe(api.state.checkpoint);
  });
});

describe("quarantine", () => {
  const item = (id: number) => ({
    id,
    reason: "UNKNOWN_DEVICE" as const,
    detail: "no device of this id",
    deviceId: "myco-1",
    receivedAt: "2024-05-01T12:00:00.000Z",
    source: "mqtt",
    format: "envelope",
    sizeBytes: 3,
    payload: Uint8Array.of(0, 255, 7),
  });
  beforeEach(() => {
    for (const id of [1, 2, 3]) api.state.quarantine.set(id, item(id));
  });

  test("the list comes in pages and by reason, without the bytes", async () => {
    const first = (await (await api.call("GET", "/api/v1/quarantine?limit=2")).json()) as {
      data: object[];
      next: string;
    };
    const second = await (await api.call("GET", `/api/v1/quarantine?limit=2&cursor=${first.next}`)).json();
    const { payload: _payload, ...shown } = item(3);
    expect(first.data).toHaveLength(2);
    expect(second).toEqual({ data: [shown], next: null });
    const none = await (await api.call("GET", "/api/v1/quarantine?reason=UNSIGNED")).json();
    expect(none).toEqual({ data: [], next: null });
  });

  test("a reason outside the closed list is refused", async () => {
    const problem = await problemOf(await api.call("GET", "/api/v1/quarantine?reason=UNSIGND"));
    expect(problem.detail).toContain('did you mean "UNSIGNED"?');
  });

  test("one message shows its bytes in base64", async () => {
    const shown = await (await api.call("GET", "/api/v1/quarantine/2")).json();
    expect(shown).toEqual({ ...item(2), payload: Buffer.of(0, 255, 7).toString("base64") });
  });

  test("release moves it into the ledger once its device is enrolled", async () => {
    const early = await api.call("POST", "/api/v1/quarantine/1/release");
    expect(await problemOf(early)).toMatchObject({ status: 409, code: "RELEASE_REFUSED" });
    await api.call("POST", "/api/v1/devices", { id: "myco-1", publicKey: keyHex });
    const released = await api.call("POST", "/api/v1/quarantine/1/release");
    expect(await released.json()).toEqual({ leafIndex: 0 });
    expect(await problemOf(await api.call("GET", "/api/v1/quarantine/1"))).toMatchObject({
      code: "QUARANTINE_NOT_FOUND",
    });
  });

  test("removing answers 204, and 404 the second time", async () => {
    const removed = await api.call("DELETE", "/api/v1/quarantine/1");
    expect([removed.status, await removed.text()]).toEqual([204, ""]);
    expect(await problemOf(await api.call("DELETE", "/api/v1/quarantine/1"))).toMatchObject({
      code: "QUARANTINE_NOT_FOUND",
    });
  });
});

describe("events", () => {
  const event: EventView = {
    leafIndex: 7,
    time: "2026-05-01T12:00:00.000Z",
    type: "device.revoked",
    deviceId: "oak",
    by: "ada",
    text: "revoked oak: lost",
    details: { id: "oak", reason: "lost", by: "ada" },
  };

  test("are listed as they are, page by page", async () => {
    api.state.events = [event, { ...event, leafIndex: 8 }];
    const answer = await api.call("GET", "/api/v1/events?limit=1&type=device&device=oak&from=2026-05-01&order=asc");
    expect(await answer.json()).toEqual({ data: [event], next: "7" });
    const from = new Date("2026-05-01T00:00:00Z");
    expect(api.state.eventQueries).toEqual([
      { limit: 1, type: "device", device: "oak", from, to: undefined, order: "asc" },
    ]);
  });

  test.each(["type=", "type=Device", "type=a..b", "device=a b", "from=yesterday", "order=up", "limit=0", "typ=device"])(
    "%s is refused",
    async (query) => {
      expect(await problemOf(await api.call("GET", `/api/v1/events?${query}`))).toMatchObject({
        code: "REQUEST_INVALID",
      });
    },
  );
});

describe("the gateway", () => {
  test("stats name the gateway and add up by transport", async () => {
    api.state.stats = { received: 5, stored: 5, treeSize: 5 };
    expect(await (await api.call("GET", "/api/v1/stats")).json()).toMatchObject({
      gatewayId: "gw-test",
      received: 5,
      byTransport: { mqtt: { received: 0 }, serial: { received: 0 } },
    });
  });

  test("says where it is reached", async () => {
    const { data } = (await (await api.call("GET", "/api/v1/listeners")).json()) as { data: unknown };
    expect(data).toEqual([{ name: "tcp", url: "mqtt://127.0.0.1:1883" }]);
  });

  test("readyz turns from 200 to 503 and names each dependency", async () => {
    expect((await fetch(`${api.url}/readyz`)).status).toBe(200);
    api.state.ready = false;
    const response = await fetch(`${api.url}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, dependencies: { journal: { status: "down", detail: "" } } });
  });

  test("healthz, metrics and the OpenAPI page need no token", async () => {
    expect(await (await fetch(`${api.url}/healthz`)).json()).toEqual({
      status: "ok",
      gatewayId: "gw-test",
      version: "0.0.0",
    });
    expect(await (await fetch(`${api.url}/metrics`)).text()).toContain("mycogate_up 1");
    const page = await fetch(`${api.url}/api/docs/`);
    expect(page.headers.get("content-security-policy")).toContain("'self'");
    expect(await page.text()).toContain("swagger");
  });

  test("what an enrolled device has sent is erased, and how far that is can be asked", async () => {
    await api.call("POST", "/api/v1/devices", { id: "dev-9" });
    expect((await api.call("GET", "/api/v1/devices/dev-9/erasure")).status).toBe(404);
    const nobody = await api.call("POST", "/api/v1/devices/nobody/erase");
    expect((await problemOf(nobody)).code).toBe("DEVICE_NOT_FOUND");
    const ordered = await api.call("POST", "/api/v1/devices/dev-9/erase");
    expect([ordered.status, await ordered.json()]).toEqual([202, { order: 7, count: null }]);
    const looked = await api.call("GET", "/api/v1/devices/dev-9/erasure");
    expect(await looked.json()).toEqual({ order: 7, count: 3 });
  });

  test("the OpenAPI document lists every path with its security", async () => {
    const document = (await (await fetch(`${api.url}/api/docs/json`)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { security?: unknown }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths).sort()).toEqual([
      "/api/v1/airtime",
      "/api/v1/commands/{id}",
      "/api/v1/consistency",
      "/api/v1/devices",
      "/api/v1/devices/{id}",
      "/api/v1/devices/{id}/commands",
      "/api/v1/devices/{id}/disagreement",
      "/api/v1/devices/{id}/erase",
      "/api/v1/devices/{id}/erasure",
      "/api/v1/devices/{id}/gaps",
      "/api/v1/devices/{id}/keys",
      "/api/v1/devices/{id}/revoke",
      "/api/v1/devices/{id}/sparse-signing",
      "/api/v1/devices/{id}/track",
      "/api/v1/entries/{leafIndex}",
      "/api/v1/entries/{leafIndex}/block-proof",
      "/api/v1/entries/{leafIndex}/proof",
      "/api/v1/events",
      "/api/v1/listeners",
      "/api/v1/quarantine",
      "/api/v1/quarantine/{id}",
      "/api/v1/quarantine/{id}/release",
      "/api/v1/readings",
      "/api/v1/scrub",
      "/api/v1/stats",
      "/checkpoint",
      "/healthz",
      "/metrics",
      "/readyz",
    ]);
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const operation of Object.values(operations)) {
        expect(operation.security, path).toEqual(path.startsWith("/api/v1/") ? [{ bearer: [] }] : undefined);
      }
    }
  });

  test.each([
    ["no token", {}],
    ["another token", { authorization: "Bearer nonsense" }],
    ["the start of the token", { authorization: `Bearer ${adminToken.slice(0, -1)}` }],
    ["another scheme", { authorization: `Basic ${adminToken}` }],
  ])("with %s every path of the API is 401", async (_what, headers: Record<string, string>) => {
    const paths = ["devices", "devices/a", "readings", "entries/0", "quarantine", "quarantine/1", "stats"];
    for (const path of paths) {
      const response = await api.call("GET", `/api/v1/${path}`, undefined, headers);
      expect(response.headers.get("www-authenticate")).toContain("Bearer");
      expect(await problemOf(response)).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
    }
    const enrol = await api.call("POST", "/api/v1/devices", { id: "a" }, headers);
    expect(enrol.status).toBe(401);
    expect(api.state.devices.size).toBe(0);
  });
});
