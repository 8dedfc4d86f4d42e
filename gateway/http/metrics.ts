/** Prometheus metrics, read from the gateway's own counters when somebody asks: a message costs nothing here. */
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from "prom-client";
import { transports } from "../../src/ingest/upload.ts";
import type { Link } from "../transports/link.ts";
import type { HealthService, ScrubService, Stats } from "./services.ts";

export interface MetricsOptions {
  readonly gatewayId: string;
  readonly version: string;
  readonly health: HealthService;
  readonly scrub: Pick<ScrubService, "view">;
  readonly ackLatency: Latencies;
  readonly links: readonly Pick<Link, "counters">[];
}

/** Counts in buckets: `counts[i]` are those up to `boundsSeconds[i]`, the last those beyond all. */
export interface Latencies {
  readonly boundsSeconds: readonly number[];
  readonly counts: readonly number[];
  readonly sumSeconds: number;
}

export interface Metrics {
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

const outcomes = ["received", "stored", "duplicate", "quarantined", "rejected"] as const;

export function createMetrics({ gatewayId, version, health, scrub, ackLatency, links }: MetricsOptions): Metrics {
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

  for (const { name, help, label, read } of links.flatMap(({ counters }) => counters)) {
    counter(registry, name, help, label, read);
  }

  const gauges: Record<string, { help: string; value: (stats: Stats) => number | undefined }> = {
    mycogate_messages_in_flight: { help: "Taken in, outcome not yet on disk.", value: (stats) => stats.inFlight },
    mycogate_ledger_tree_size: { help: "Entries with a leaf index.", value: (stats) => stats.treeSize },
    mycogate_ledger_durable_size: { help: "Entries whose fsync has returned.", value: (stats) => stats.durableSize },
    mycogate_ledger_checkpoint_size: {
      help: "Entries that the newest checkpoint covers.",
      value: (stats) => stats.checkpointSize,
    },
    mycogate_ledger_witnessed_size: {
      help: "Entries that a quorum of witnesses has seen; absent without witnesses.",
      value: (stats) => (stats.witnesses.length === 0 ? undefined : stats.witnessedSize),
    },
    mycogate_ledger_alarms: {
      help: "Memories of this log that contradict it, and witnessed logs that show two histories; anything but 0 needs somebody to act.",
      value: (stats) => stats.alarms.length,
    },
    mycogate_chained_waiting: {
      help: "Messages in quarantine that wait for the signature of a chain.",
      value: (stats) => stats.chained.waiting,
    },
    mycogate_devices: { help: "Devices in the registry.", value: (stats) => stats.devices },
    mycogate_database_lag_entries: {
      help: "Durable entries the database does not have yet; absent while it was never reached.",
      value: (stats) => (stats.databaseCursor === null ? undefined : stats.durableSize - stats.databaseCursor),
    },
    mycogate_scrub_open_findings: {
      help: "Findings of the scrub that nothing has repaired.",
      value: () => scrub.view().open.length,
    },
    mycogate_scrub_last_pass_timestamp_seconds: {
      help: "When its last pass over the whole ledger has ended; absent before the first.",
      value: () => {
        const { endedAt } = scrub.view().last ?? {};
        return endedAt ? Date.parse(endedAt) / 1000 : undefined;
      },
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

  new Gauge({
    name: "mycogate_witness_up",
    help: "1 while a witness answers.",
    labelNames: ["url"],
    registers: [registry],
    collect() {
      for (const { url, up } of health.stats().witnesses) this.set({ url }, up ? 1 : 0);
    },
  });

  registry.registerMetric(
    histogramOf(ackLatency, "mycogate_ack_duration_seconds", "From taking an upload in until its outcome is on disk."),
  );
  return { text: () => registry.metrics() };
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

/** A histogram that is kept elsewhere, in the form that prom-client's registry asks of a metric. */
function histogramOf(latencies: Latencies, name: string, help: string): Metric {
  const type = "histogram";
  const aggregator = "sum";
  const get = async () => {
    const { boundsSeconds, counts, sumSeconds } = latencies;
    let value = 0;
    const buckets = counts.map((count, at) => {
      value += count;
      return { labels: { le: boundsSeconds[at] ?? "+Inf" }, value, metricName: `${name}_bucket` };
    });
    const sum = { labels: {}, value: sumSeconds, metricName: `${name}_sum` };
    return {
      name,
      help,
      type,
      aggregator,
      values: [...buckets, sum, { labels: {}, value, metricName: `${name}_count` }],
    };
  };
  return { name, help, type, aggregator, get, reset: () => undefined } as unknown as Metric;
}
