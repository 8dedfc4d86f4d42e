import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BoardIdentity } from "../../../gateway/transports/serial/board-identity.ts";
import type { Hello, SerialMessage } from "../../../src/serial/dialect.ts";
import { FakeRegistry } from "../../support/serial-fakes.ts";

const sideA: Hello = { deviceId: "mycobrain-10b41d", role: "mushroom1", firmware: "side-a-mdp-2.1.0" };
const sideB: Hello = { deviceId: undefined, role: "side_b", firmware: "side-b-mdp-2.0.0" };
const message = (hello?: Hello): SerialMessage => ({
  format: "mdp-b",
  payload: new Uint8Array(0),
  fromBoard: true,
  ...(hello && { hello }),
});

describe("which device a board on a port is", () => {
  let registry: FakeRegistry;
  let asked: number;
  let settled: string[];

  const identity = (port = "ttyUSB0"): BoardIdentity =>
    new BoardIdentity({
      port,
      registry,
      identifyMs: 1_500,
      ask: () => asked++,
      log: { info: () => undefined, warn: () => undefined },
    });
  const resolve = (board: BoardIdentity, said: SerialMessage): void => board.resolve(said, (id) => settled.push(id));
  const passed = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    registry = new FakeRegistry();
    asked = 0;
    settled = [];
  });
  afterEach(() => void vi.useRealTimers());
  const decided = (count: number): Promise<void> => vi.waitFor(() => expect(settled).toHaveLength(count));

  test("it is the id of its HELLO, at once, and what waited before it goes out under that id in order", async () => {
    const board = identity();
    resolve(board, message());
    resolve(board, message(sideB));
    expect([settled, asked]).toEqual([[], 1]);
    resolve(board, message(sideA));
    await decided(3);
    expect(settled).toEqual(Array(3).fill("mycobrain-10b41d"));
    expect(registry.boards.get("ttyUSB0")).toEqual({
      id: "mycobrain-10b41d",
      port: "ttyUSB0",
      role: "mushroom1",
      firmware: "side-a-mdp-2.1.0",
    });
    expect(registry.boards.size).toBe(1);
  });

  test("boards of a batch that are met at once claim one id: one gets it, the other is named after its port", async () => {
    resolve(identity(), message(sideA));
    resolve(identity("ttyUSB1"), message(sideA));
    await decided(2);
    expect(settled).toEqual(["mycobrain-10b41d", "serial-ttyUSB1"]);
  });

  test("it is named after the port where the id is another device's, or no id at all", async () => {
    registry.taken.add("mycobrain-10b41d");
    resolve(identity(), message(sideA));
    resolve(identity("ttyUSB1"), message({ ...sideA, deviceId: "no id, this!" }));
    await decided(2);
    expect(settled).toEqual(["serial-ttyUSB0", "serial-ttyUSB1"]);
  });

  test("it is named after the port when no HELLO comes in time, with what Side-B said of itself", async () => {
    const board = identity();
    resolve(board, message(sideB));
    await passed(1_499);
    expect(settled).toEqual([]);
    await passed(1);
    await decided(1);
    expect(registry.boards.get("ttyUSB0")).toMatchObject({ id: "serial-ttyUSB0", role: "side_b" });
    expect(asked).toBe(1);
  });

  test("a name taken by an operator's device gets a number", async () => {
    registry.taken.add("serial-ttyUSB0").add("serial-ttyUSB0-2");
    resolve(identity(), message({ ...sideA, deviceId: "serial-ttyUSB0" }));
    await decided(1);
    expect(settled).toEqual(["serial-ttyUSB0-3"]);
  });

  test("a port that has its board waits for nothing and reports its firmware", () => {
    registry.boards.set("ttyUSB0", { id: "greenhouse", port: "ttyUSB0", role: "", firmware: "" });
    const board = identity();
    resolve(board, message());
    resolve(board, message(sideA));
    resolve(board, message(sideB));
    expect([settled, asked]).toEqual([["greenhouse", "greenhouse", "greenhouse"], 0]);
    expect(registry.firmware.get("greenhouse")).toBe("side-a-mdp-2.1.0");
  });

  test("what is no message of a board enrols nobody", async () => {
    resolve(identity(), { format: "mdp-b", payload: new Uint8Array(0) });
    await passed(5_000);
    expect([settled, asked, registry.boards.size]).toEqual([["serial-ttyUSB0"], 0, 0]);
  });

  test("where the registry can take nobody, messages go on for ingest to judge, and the next one tries again", async () => {
    registry.failure = new Error("disk full");
    const board = identity();
    resolve(board, message(sideA));
    await decided(1);
    expect([settled, board.deviceId]).toEqual([["serial-ttyUSB0"], undefined]);
    registry.failure = undefined;
    resolve(board, message());
    await decided(2);
    expect(settled[1]).toBe("mycobrain-10b41d");
  });

  test("the one decision that is under way is not taken twice", async () => {
    const board = identity();
    resolve(board, message(sideA));
    board.decide();
    resolve(board, message(sideA));
    await decided(2);
    expect(registry.boards.size).toBe(1);
  });
});
