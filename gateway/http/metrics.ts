/**
 * Prometheus metrics, read from the gateway's own counters when somebody asks: a message costs nothing here.
 * Only what must be timed where it happens is observed: {@link Metrics.observeAck}.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { type Transport, transports } from "../../src/ingest/upload.ts";
import type { HealthService, Stats } from "./services.ts";

export interface MetricsOptions {
  readonly gatewayId: string;
  readonly version: string;
  readonly health: HealthService;
}

export interface Metrics {
  /** Time from the receipt of an upload to its acknowledgement. */
  observeAck(transport: Transport, seconds: number): void;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
  readonly registry: Registry;
}

const outcomes = ["received", "stored", "duplicate", "quarantined", "rejected"] as const;
const ackBucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export function createMetrics({ gatewayId, version, health }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "mycogate_" });
  new Gauge({
    name: "mycogate_info",
    help: "1, labelled with version and gateway id.",
    labelNames: ["version", "gateway_id"],
    registers: [registry],
  }).set({ version, gateway_id: gatewayId }, 1);

  for (const outcome of outcomes) {
    counter(registry, `mycogate_messages_${outcome}_total`, `Messages ${outcome}, by transport.`, "transport", () =>
      Object.fromEntries(transports.map((transport) => [transport, health.stats().byTransport[transport][outcome]])),
    );
  }
  counter(
    registry,
    "mycogate_quarantine_reasons_total",
    "Messages quarantined, by reason.",
    "reason",
    () => health.stats().quarantineReasons,
  );
  counter(
    registry,
    "mycogate_reject_reasons_total",
    "Messages rejected, by reason.",
    "reason",
    () => health.stats().rejectReasons,
  );

  const gauges: Record<string, { help: string; value: (stats: Stats) => number | undefined }> = {
    mycogate_messages_in_flight: { help: "Taken in, outcome not yet on disk.", value: (stats) => stats.inFlight },
    mycogate_ledger_tree_size: { help: "Entries with a leaf index.", value: (stats) => stats.treeSize },
    mycogate_ledger_durable_size: { help: "Entries whose fsync has returned.", value: (stats) => stats.durableSize },
    mycogate_devices: { help: "Devices in the registry.", value: (stats) => stats.devices },
    mycogate_database_lag_entries: {
      help: "Durable entries the database does not have yet; absent while it was never reached.",
      value: (stats) => (stats.databaseCursor === null ? undefined : stats.durableSize - stats.databaseCursor),
    },
    mycogate_uptime_seconds: { help: "Time since start.", value: (stats) => stats.uptimeSeconds },
  };
  for (const [name, { help, value }] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const current = value(health.stats());
        if (current === undefined) this.remove();
        else this.set(current);
      },
    });
  }
  new Gauge({
    name: "mycogate_dependency_up",
    help: "1 while a dependency is ok or switched off, 0 while it is degraded or down.",
    labelNames: ["dependency"],
    registers: [registry],
    collect() {
      for (const [dependency, { status }] of Object.entries(health.readiness().dependencies)) {
        this.set({ dependency }, status === "ok" || status === "off" ? 1 : 0);
      }
    },
  });

  const ack = new Histogram({
    name: "mycogate_ack_duration_seconds",
    help: "From the receipt of an upload to its acknowledgement.",
    labelNames: ["transport"],
    buckets: ackBucketsSeconds,
    registers: [registry],
  });
  return {
    observeAck: (transport, seconds) => ack.observe({ transport }, seconds),
    text: () => registry.metrics(),
    registry,
  };
}

/** A counter that is kept elsewhere. One that fell would look like a restart to Prometheus, so it waits until it is passed. */
function counter(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number | undefined>>,
): void {
  const shown = new Map<string, number>();
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      for (const [value, count = 0] of Object.entries(read())) {
        const before = shown.get(value) ?? 0;
        this.inc({ [label]: value }, Math.max(0, count - before));
        shown.set(value, Math.max(before, count));
      }
    },
  });
}
