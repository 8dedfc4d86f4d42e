import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { adminToken, type HttpApi, startHttpApi } from "../../support/http-api.ts";
import { entryView } from "../../support/memory-services.ts";

let api: HttpApi;
beforeEach(async () => {
  api = await startHttpApi();
});
afterEach(() => api.close());

const get = (path: string) => fetch(`${api.url}${path}`);

describe("tiles", () => {
  test.each(["tile/0/000", "tile/entries/x001/x234/067.p/17"])("%s is served to everyone, for ever", async (path) => {
    api.state.tiles.set(path, Buffer.from("some bytes"));
    const response = await get(`/${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(await response.text()).toBe("some bytes");
  });

  test.each([
    "/tile/0/001",
    "/tile/0/x000/000",
    "/tile/0/%3000",
    "/tile/0/000.p/256",
    "/tile/",
    "/tile/0/../../checkpoint",
    `/tile/0/${"x001/".repeat(500)}000`,
    "/tile/0/000%00",
    "/tile/0/%ff",
  ])("%s is a 404 problem that nobody keeps", async (path) => {
    api.state.tiles.set("tile/0/000", Buffer.from("some bytes"));
    const response = await get(path);
    expect([400, 404]).toContain(response.status);
    expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(response.headers.get("cache-control") ?? "no-store").toBe("no-store");
  });
});

describe("the proof of an entry", () => {
  test("is a file that names its leaf", async () => {
    const checkpoint = "gw\n1\nAAAA\n\n\u2014 gw AAAAAAAA\n";
    api.state.proofs.set(7, { leaf: Buffer.from("leaf"), leafIndex: 7, hashes: [new Uint8Array(32)], checkpoint });
    const response = await api.call("GET", "/api/v1/entries/7/proof");
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="leaf-7.tlog-proof"');
    expect(await response.text()).toBe(
      `c2sp.org/tlog-proof@v1\nextra bGVhZg==\nindex 7\n${"A".repeat(43)}=\n\n${checkpoint}`,
    );
  });

  test.each([
    ["application/cose", "ed25519"],
    ['application/cose; cose-type="cose-sign1"', "ed25519"],
    ["text/plain;q=0.5, application/cose", "ed25519"],
    ["application/cose", "mldsa44"],
  ])("is a COSE receipt to who accepts %s", async (accept, signature) => {
    api.state.proofs.set(7, { leaf: Buffer.from("leaf"), leafIndex: 7, hashes: [], checkpoint: "" });
    const response = await api.call("GET", `/api/v1/entries/7/proof?signature=${signature}`, undefined, {
      authorization: `Bearer ${adminToken}`,
      accept,
    });
    expect(response.headers.get("content-type")).toBe('application/cose; cose-type="cose-sign1"');
    expect(response.headers.get("vary")).toBe("accept");
    expect(await response.text()).toBe(`inclusion by ${signature}`);
  });

  test.each(["*/*", "application/*", "text/plain", "text/plain, application/cose;q=0.9", "application/cose;q=0", ""])(
    "is a file to who accepts %s",
    async (accept) => {
      api.state.proofs.set(7, { leaf: Buffer.from("leaf"), leafIndex: 7, hashes: [], checkpoint: "" });
      const headers = { authorization: `Bearer ${adminToken}`, accept };
      const response = await api.call("GET", "/api/v1/entries/7/proof", undefined, headers);
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    },
  );

  test("in its block says what it is worth", async () => {
    const leaf = Buffer.from("leaf");
    api.state.proofs.set(7, { leaf, leafIndex: 7, hashes: [], checkpoint: "" });
    expect(await (await api.call("GET", "/api/v1/entries/7/block-proof")).json()).toEqual({
      kind: "mycogate-block-proof/v1",
      assurance: "gateway-signed, not witnessed",
      leafIndex: 7,
      leaf: leaf.toString("base64"),
      hashes: [`${"A".repeat(43)}=`],
      seal: Buffer.from("seal").toString("base64"),
    });
    api.state.entries.push(entryView(0, Buffer.from("payload"), "myco-1"));
    const open = await api.call("GET", "/api/v1/entries/0/block-proof");
    expect([open.status, open.headers.get("retry-after")]).toEqual([202, "1"]);
    expect((await api.call("GET", "/api/v1/entries/1/block-proof")).status).toBe(404);
  });

  test("is promised with 202 while no checkpoint covers a durable entry, and 404 where there is none", async () => {
    api.state.entries.push(entryView(0, Buffer.from("payload"), "myco-1"));
    const waiting = await api.call("GET", "/api/v1/entries/0/proof");
    expect([waiting.status, waiting.headers.get("retry-after")]).toEqual([202, "1"]);
    expect(await waiting.json()).toEqual({ leafIndex: 0, state: "durable" });
    const headers = { authorization: `Bearer ${adminToken}`, accept: "application/cose" };
    expect((await api.call("GET", "/api/v1/entries/0/proof", undefined, headers)).status).toBe(202);
    const absent = await api.call("GET", "/api/v1/entries/1/proof");
    expect([absent.status, await absent.json()]).toMatchObject([404, { code: "ENTRY_NOT_FOUND" }]);
  });

  test("needs a token, as entries do", async () => {
    expect((await get("/api/v1/entries/0/proof")).status).toBe(401);
  });
});

describe("consistency", () => {
  test("is proven up to the checkpoint, and not beyond", async () => {
    api.state.signedSize = 10;
    const proven = await api.call("GET", "/api/v1/consistency?from=3");
    expect(await proven.json()).toEqual({ from: 3, to: 10, hashes: [`${"A".repeat(43)}=`] });
    expect((await api.call("GET", "/api/v1/consistency?from=3&to=11")).status).toBe(404);
  });

  test("is a COSE receipt to who accepts one, up to the checkpoint and to no other size", async () => {
    api.state.signedSize = 10;
    const headers = { authorization: `Bearer ${adminToken}`, accept: "application/cose" };
    const get = (query: string) => api.call("GET", `/api/v1/consistency?${query}`, undefined, headers);
    expect(await (await get("from=3&signature=mldsa44")).text()).toBe("consistency by mldsa44");
    expect((await get("from=10")).status).toBe(404);
    expect((await get("from=3&to=9")).status).toBe(400);
  });

  test.each(["from=0", "from=4&to=3", "", "from=x", "from=9007199254740992"])(
    "of %s is a bad request",
    async (query) => {
      expect((await api.call("GET", `/api/v1/consistency?${query}`)).status).toBe(400);
    },
  );
});
