/** The desk with links that do what a test says, and a ledger that is a list. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CommandDesk } from "../../../gateway/commands/command-desk.ts";
import { type CommandLink, type CommandOrder, orAborted } from "../../../gateway/commands/command-link.ts";
import type { CommandRequest } from "../../../gateway/http/services.ts";
import type { CommandAnswer } from "../../../src/commands/command.ts";
import { commandEvent } from "../../../src/commands/events.ts";
import { GatewayError } from "../../../src/errors.ts";
import { decodeEntry, encodeEntry } from "../../../src/ledger/entry.ts";
import type { EventEntry } from "../../../src/ledger/types.ts";
import type { Device } from "../../../src/registry/device.ts";

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 1 });

/** What survives the gateway. */
let ledger: EventEntry[];
let desk: CommandDesk;
let link: TestLink;
let ledgerIsBroken: boolean;
/** Of the gateway's clock, ms. */
let setBackMs: number;
const revoked = new Set<string>();

class TestLink implements CommandLink {
  readonly name = "test";
  readonly left: string[] = [];
  readonly devices = new Set(["b1", "b2"]);
  isFree = true;
  isMute = false;
  readonly #answers = new Map<string, (answer: CommandAnswer) => void>();
  readonly #free = new Set<() => void>();

  reaches(deviceId: string): boolean {
    return this.devices.has(deviceId);
  }

  isHeard(): boolean {
    return !this.isMute;
  }

  lane(deviceId: string): string {
    return deviceId;
  }

  check(_deviceId: string, { cmd }: { readonly cmd: string }): void {
    if (cmd === "fly") throw new GatewayError("COMMAND_UNKNOWN", "no command fly");
  }

  async send({ id, signal, leaving, cmd }: CommandOrder): Promise<CommandAnswer> {
    if (cmd === "spent") throw new GatewayError("AIRTIME_SPENT", "nothing is left");
    while (!this.isFree) await orAborted(new Promise<void>((resolve) => this.#free.add(resolve)), signal);
    await leaving();
    this.left.push(id);
    return orAborted(new Promise((resolve) => this.#answers.set(id, resolve)), signal);
  }

  answer(id: string, outcome: CommandAnswer["outcome"] = "succeeded"): void {
    this.#answers.get(id)!({ outcome, message: `${id} was ${outcome}` });
  }

  free(): void {
    this.isFree = true;
    for (const resolve of this.#free) resolve();
  }
}

/** Each entry as it comes back from the disk. */
function made(): CommandDesk {
  const device = (id: string): Device | undefined =>
    ["b1", "b2", "old", "far"].includes(id)
      ? ({ id, revokedUs: revoked.has(id) ? 1 : undefined } as Device)
      : undefined;
  const desk = new CommandDesk({
    registry: { find: device },
    events: {
      append: async (event) => {
        await new Promise((resolve) => setImmediate(resolve));
        if (ledgerIsBroken) throw new GatewayError("JOURNAL_FAILED", "the disk is broken");
        const decoded = decodeEntry(encodeEntry(event));
        if (!decoded.ok || decoded.value.kind !== "event") throw new Error("not an event");
        return ledger.push(decoded.value) - 1;
      },
    },
    nowUs: () => (Date.now() - setBackMs) * 1_000,
    log: { warn: () => undefined },
  });
  for (const entry of ledger) desk.replay(entry);
  return desk;
}

const request = (rest: Partial<CommandRequest> = {}): CommandRequest => ({
  ...{
    deviceId: "b1",
    cmd: "led",
    params: { on: true, level: 0.5 },
    by: "ada",
    via: "http",
    timeoutMs: 20_000,
    expiresInMs: 20_000,
  },
  ...rest,
});
const told = (id: string): string[] =>
  ledger.flatMap((entry) => {
    const event = commandEvent(entry);
    if (event?.id !== id) return [];
    return [event.type === "command.result" ? event.outcome : event.type];
  });
const finished = (id: string) => desk.outcome(id, 20_000);

beforeEach(async () => {
  ledger = [];
  ledgerIsBroken = false;
  setBackMs = 0;
  revoked.clear();
  revoked.add("old");
  link = new TestLink();
  desk = made();
  await desk.start([link]);
});
afterEach(() => desk.stop());

describe("a command", () => {
  test("is in the ledger before it is accepted, before it leaves, and with its answer", async () => {
    const { id, state } = await desk.submit(request());
    expect([state, told(id)]).toEqual(["queued", ["command.accepted"]]);
    await until(() => expect(link.left).toEqual([id]));
    expect(told(id)).toEqual(["command.accepted", "command.sent"]);
    link.answer(id);
    expect(await finished(id)).toMatchObject({
      ...{ state: "succeeded", message: `${id} was succeeded`, link: "test", params: { on: true, level: 0.5 } },
    });
    expect(told(id)).toEqual(["command.accepted", "command.sent", "succeeded"]);
  });

  test("is one at a time for a device, in order, and others do not wait for it", async () => {
    for (const id of ["a", "b", "c"]) await desk.submit(request({ id }));
    await desk.submit(request({ id: "other", deviceId: "b2" }));
    await until(() => expect(link.left).toEqual(["a", "other"]));
    link.answer("a", "failed");
    await until(() => expect(link.left).toEqual(["a", "other", "b"]));
    expect(desk.find("a")).toMatchObject({ state: "failed" });
    expect(desk.list("b1").map(({ id }) => id)).toEqual(["c", "b", "a"]);
  });

  test("asked for by two ways under one id is executed once, also at the same moment, and after a restart", async () => {
    const both = await Promise.all([desk.submit(request({ id: "x" })), desk.submit(request({ id: "x", via: "mqtt" }))]);
    expect(both.map(({ id, via }) => [id, via])).toEqual([
      ["x", "http"],
      ["x", "http"],
    ]);
    await until(() => expect(link.left).toEqual(["x"]));
    link.answer("x");
    await finished("x");
    await desk.stop();
    desk = made();
    await desk.start([link]);
    expect(await desk.submit(request({ id: "x" }))).toMatchObject({ state: "succeeded" });
    expect(link.left).toEqual(["x"]);
    for (const other of [{ cmd: "reboot" }, { params: {} }, { deviceId: "b2" }]) {
      await expect(desk.submit(request({ id: "x", ...other }))).rejects.toMatchObject({ code: "COMMAND_CONFLICT" });
    }
  });

  test("that gets no answer in time is unanswered, and a late answer is the last word", async () => {
    const { id } = await desk.submit(request({ timeoutMs: 1 }));
    expect(await finished(id)).toMatchObject({ state: "unanswered", code: "COMMAND_TIMEOUT" });
    expect(desk.answeredLate("b2", id, { outcome: "succeeded", message: "" })).toBe(false);
    expect(desk.answeredLate("b1", id, { outcome: "failed", message: "no" })).toBe(true);
    expect(desk.answeredLate("b1", "unheard-of", { outcome: "failed", message: "no" })).toBe(false);
    await until(() => expect(desk.find(id)).toMatchObject({ state: "failed", message: "no", code: undefined }));
    expect(desk.answeredLate("b1", id, { outcome: "succeeded", message: "yes" })).toBe(false);
    expect(told(id).slice(2)).toEqual(["unanswered", "failed"]);
  });

  test("that could not leave before its time is expired and never leaves, whether it waits for its turn or for its way", async () => {
    link.isFree = false;
    await desk.submit(request({ id: "first", expiresInMs: 5 }));
    await desk.submit(request({ id: "second", expiresInMs: 1 }));
    expect(await finished("second")).toMatchObject({ state: "expired", code: "COMMAND_EXPIRED" });
    expect(await finished("first")).toMatchObject({ state: "expired" });
    link.free();
    const { id } = await desk.submit(request());
    await until(() => expect(link.left).toEqual([id]));
  });

  test("that its link could not take was not sent, and the link's reason is told", async () => {
    const { id } = await desk.submit(request({ cmd: "spent" }));
    expect(await finished(id)).toMatchObject({ state: "not_sent", code: "AIRTIME_SPENT", message: "nothing is left" });
    expect(told(id)).toEqual(["command.accepted", "not_sent"]);
  });

  test("that waits while its device is revoked is not sent", async () => {
    link.isFree = false;
    const { id } = await desk.submit(request());
    revoked.add("b1");
    link.free();
    expect(await finished(id)).toMatchObject({ state: "not_sent", code: "DEVICE_REVOKED" });
    expect(link.left).toEqual([]);
  });

  test("that is accepted while the gateway stops is sent after the next start", async () => {
    const accepted = desk.submit(request({ id: "x" }));
    await desk.stop();
    expect(await accepted).toMatchObject({ state: "queued" });
    // Where it is sent all the same, that takes a turn of the loop.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([link.left, told("x")]).toEqual([[], ["command.accepted"]]);
  });

  test("is refused where it makes no sense, and the ledger knows nothing of it", async () => {
    for (const [code, wrong] of [
      ["DEVICE_NOT_FOUND", { deviceId: "nobody" }],
      ["DEVICE_REVOKED", { deviceId: "old" }],
      ["COMMAND_UNSUPPORTED", { deviceId: "far" }],
      ["COMMAND_UNKNOWN", { cmd: "fly" }],
      ["REQUEST_INVALID", { id: "not an id" }],
      ["REQUEST_INVALID", { params: { text: "x".repeat(4_096) } }],
      ["REQUEST_INVALID", { timeoutMs: 1e12 }],
      ["REQUEST_INVALID", { expiresInMs: Number.NaN }],
    ] as const) {
      await expect(desk.submit(request(wrong))).rejects.toMatchObject({ code });
    }
    expect(ledger).toEqual([]);
    link.isFree = false;
    await desk.submit(request());
    for (let count = 0; count < 64; count++) await desk.submit(request());
    await expect(desk.submit(request())).rejects.toMatchObject({ code: "COMMAND_QUEUE_FULL" });
  });

  test("that the ledger does not take is not sent", async () => {
    ledgerIsBroken = true;
    await expect(desk.submit(request({ id: "x" }))).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    ledgerIsBroken = false;
    await desk.submit(request({ id: "x" }));
    ledgerIsBroken = true;
    await new Promise((resolve) => setImmediate(resolve));
    await finished("x");
    expect([link.left, told("x")]).toEqual([[], ["command.accepted"]]);
  });
});

describe("a restart", () => {
  test("ends what was sent as unanswered, and sends what was not, once there is a way", async () => {
    for (const id of ["sent", "queued"]) await desk.submit(request({ id }));
    await until(() => expect(link.left).toEqual(["sent"]));
    const before = ledger.slice();
    await desk.stop();
    // A kill leaves the same: what is missing then is the word of the stopping gateway.
    for (const left of [before, ledger]) {
      ledger = left.slice();
      link = new TestLink();
      link.devices.clear();
      desk = made();
      await desk.start([link]);
      expect(desk.find("sent")).toMatchObject({ state: "unanswered", code: "SHUTTING_DOWN" });
      expect(desk.find("queued")).toMatchObject({ state: "queued" });
      link.devices.add("b1");
      await until(() => expect(link.left).toEqual(["queued"]));
      link.answer("queued");
      expect(await finished("queued")).toMatchObject({ state: "succeeded" });
      expect(told("queued")).toEqual(["command.accepted", "command.sent", "succeeded"]);
    }
  });

  test("sends nothing to a device that has not shown yet how it is spoken to", async () => {
    link.isFree = false;
    await desk.submit(request({ id: "x", expiresInMs: 600 }));
    await desk.stop();
    link.isMute = true;
    link.free();
    desk = made();
    await desk.start([link]);
    expect(await finished("x")).toMatchObject({ state: "expired" });
    expect(link.left).toEqual([]);
  });

  test("with a clock that was set back, further than a timer counts, expires nothing early", async () => {
    link.isFree = false;
    await desk.submit(request({ id: "x" }));
    await desk.stop();
    setBackMs = 50 * 365 * 86_400_000;
    link.free();
    desk = made();
    await desk.start([link]);
    await until(() => expect(link.left).toEqual(["x"]));
  });

  test("expires what had its time while the gateway was away", async () => {
    link.isFree = false;
    await desk.submit(request({ id: "x", expiresInMs: 300 }));
    await desk.stop();
    expect(told("x")).toEqual(["command.accepted"]);
    link.devices.clear();
    desk = made();
    await desk.start([link]);
    expect(await finished("x")).toMatchObject({ state: "expired" });
    expect(told("x")).toEqual(["command.accepted", "expired"]);
  });
});
