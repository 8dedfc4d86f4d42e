import { expect, test } from "vitest";
import { createMetrics } from "../../../gateway/http/metrics.ts";
import type { Stats } from "../../../gateway/http/services.ts";
import { LatencyHistogram } from "../../../gateway/ingest/latency-histogram.ts";
import { transports } from "../../../src/ingest/upload.ts";
import { memoryServices } from "../../support/memory-services.ts";

function metricsOf() {
  const { services, state } = memoryServices();
  const latency = new LatencyHistogram();
  const metrics = createMetrics({
    gatewayId: "gw-test",
    version: "1.2.3",
    health: services.health,
    scrub: services.scrub,
    ackLatency: latency,
    links: [
      { counters: [{ name: "mycogate_link_total", help: "By fate.", label: "fate", read: () => ({ taken: 3 }) }] },
    ],
  });
  const value = async (line: string): Promise<number | undefined> => {
    const found = (await metrics.text()).split("\n").find((text) => text.startsWith(`${line} `));
    return found === undefined ? undefined : Number(found.slice(line.length + 1));
  };
  return { metrics, latency, value, set: (stats: Partial<Stats>) => Object.assign(state.stats, stats), state };
}

const mqtt = (received: number): Partial<Stats> => {
  const none = { received: 0, stored: 0, duplicate: 0, quarantined: 0, rejected: 0 };
  const byTransport = Object.fromEntries(transports.map((name) => [name, none])) as Stats["byTransport"];
  return { byTransport: { ...byTransport, mqtt: { ...none, received, stored: received } } };
};

test("counters are those of the gateway at the moment of asking", async () => {
  const { value, set } = metricsOf();
  expect(await value('mycogate_messages_received_total{transport="mqtt"}')).toBe(0);
  set({ ...mqtt(7), quarantineReasons: { UNSIGNED: 2 }, rejectReasons: { TEXT_LINE: 3 } });
  expect(await value('mycogate_messages_received_total{transport="mqtt"}')).toBe(7);
  expect(await value('mycogate_messages_stored_total{transport="mqtt"}')).toBe(7);
  expect(await value('mycogate_messages_stored_total{transport="serial"}')).toBe(0);
  expect(await value('mycogate_quarantine_reasons_total{reason="UNSIGNED"}')).toBe(2);
  expect(await value('mycogate_reject_reasons_total{reason="TEXT_LINE"}')).toBe(3);
});

test("a counter never falls, also where a message was given back to its sender", async () => {
  const { value, set } = metricsOf();
  const shown: (number | undefined)[] = [];
  for (const received of [7, 6, 7, 8]) {
    set(mqtt(received));
    shown.push(await value('mycogate_messages_received_total{transport="mqtt"}'));
  }
  expect(shown).toEqual([7, 7, 7, 8]);
});

test("what a link counts is there by its label", async () => {
  expect(await metricsOf().value('mycogate_link_total{fate="taken"}')).toBe(3);
});

test("the database's lag is absent while it was never reached", async () => {
  const { value, set } = metricsOf();
  set({ treeSize: 12, durableSize: 10, databaseCursor: null });
  expect(await value("mycogate_database_lag_entries")).toBeUndefined();
  set({ databaseCursor: 4 });
  expect(await value("mycogate_database_lag_entries")).toBe(6);
  expect(await value("mycogate_ledger_tree_size")).toBe(12);
});

test("dependencies, version and the process are there", async () => {
  const { value, state } = metricsOf();
  expect(await value('mycogate_info{version="1.2.3",gateway_id="gw-test"}')).toBe(1);
  expect(await value('mycogate_dependency_up{dependency="journal"}')).toBe(1);
  state.ready = false;
  expect(await value('mycogate_dependency_up{dependency="journal"}')).toBe(0);
  expect(await value("mycogate_process_resident_memory_bytes")).toBeGreaterThan(0);
});

test("acks are observed in seconds", async () => {
  const { latency, value } = metricsOf();
  latency.observe(0.004);
  latency.observe(0.2);
  latency.observe(60);
  expect(await value('mycogate_ack_duration_seconds_bucket{le="0.0025"}')).toBe(0);
  expect(await value('mycogate_ack_duration_seconds_bucket{le="0.005"}')).toBe(1);
  expect(await value('mycogate_ack_duration_seconds_bucket{le="2.5"}')).toBe(2);
  expect(await value('mycogate_ack_duration_seconds_bucket{le="+Inf"}')).toBe(3);
  expect(await value("mycogate_ack_duration_seconds_count")).toBe(3);
  expect(await value("mycogate_ack_duration_seconds_sum")).toBeCloseTo(60.204);
});

test("every name is ours, with base units, and every counter ends in _total", async () => {
  const { metrics } = metricsOf();
  for (const [, name, type] of (await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    expect(name).toMatch(/^mycogate_[a-z0-9_]+$/);
    if (type === "counter") expect(name).toMatch(/_total$/);
    expect(name).not.toMatch(/_(ms|kb|mb)(_|$)/);
  }
});
