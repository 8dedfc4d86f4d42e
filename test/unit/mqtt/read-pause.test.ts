import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ReadPause } from "../../../gateway/transports/mqtt/read-pause.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "Date"] }));
afterEach(() => void vi.useRealTimers());

/** Each socket brings so many packets at a time. */
function pauseWith(packets: number): { pause: ReadPause<string>; read: string[] } {
  const read: string[] = [];
  const pause = new ReadPause<string>((reader) => {
    read.push(reader);
    return packets;
  });
  return { pause, read };
}

test("a few packets are read as they come", () => {
  const { pause, read } = pauseWith(1);
  for (let turn = 0; turn < 5; turn++) {
    pause.ready("a");
    pause.ready("b");
    expect(read.length).toBe(2 * (turn + 1));
    vi.advanceTimersByTime(0);
  }
});

test("what comes after many packets waits for the pause, which they share, and is then read once", () => {
  const { pause, read } = pauseWith(20);
  pause.ready("a");
  pause.ready("b");
  expect(read).toEqual(["a", "b"]);
  vi.advanceTimersByTime(1);
  for (const reader of ["a", "b", "a"]) pause.ready(reader);
  vi.advanceTimersByTime(3);
  expect(read).toEqual(["a", "b"]);
  vi.advanceTimersByTime(3);
  expect(read).toEqual(["a", "b", "a", "b"]);
});

test("a connection that closed during the pause is not read", () => {
  const { pause, read } = pauseWith(100);
  pause.ready("a");
  vi.advanceTimersByTime(1);
  pause.ready("a");
  pause.ready("b");
  pause.remove("a");
  vi.advanceTimersByTime(20);
  expect(read).toEqual(["a", "b"]);
});

test("whatever comes when, nobody waits longer than the longest pause", () =>
  fc.assert(
    fc.property(
      fc.array(fc.record({ reader: fc.constantFrom("a", "b", "c"), packets: fc.nat(2_000), afterMs: fc.nat(12) })),
      (events) => {
        const waiting = new Map<string, number>();
        let packets = 0;
        const pause = new ReadPause<string>((reader) => {
          expect(Date.now() - waiting.get(reader)!).toBeLessThanOrEqual(11);
          waiting.delete(reader);
          return packets;
        });
        vi.setSystemTime(0);
        for (const event of events) {
          packets = event.packets;
          if (!waiting.has(event.reader)) waiting.set(event.reader, Date.now());
          pause.ready(event.reader);
          for (let ms = 0; ms < event.afterMs; ms++) vi.advanceTimersByTime(1);
        }
        vi.advanceTimersByTime(11);
        expect([...waiting.keys()]).toEqual([]);
      },
    ),
  ));
