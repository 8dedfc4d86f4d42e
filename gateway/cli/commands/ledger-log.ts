/** `mycogate ledger log`: what was decided and what befell the gateway, from its files, so that nothing need be running. */
import { setTimeout as sleep } from "node:timers/promises";
import { type EventView, eventView } from "../../../src/ledger/event-view.ts";
import { loadConfig } from "../../config/config.ts";
import { findLedger } from "../../config/ledgers.ts";
import { PublishedLog } from "../../journal/published-log.ts";
import { isOfType } from "../../registry/event-log.ts";
import { type CommandHandler, UsageError } from "../context.ts";
import { printable } from "../table.ts";

export interface LogOptions {
  readonly since?: string;
  readonly type?: string;
  readonly device?: string;
  readonly follow?: boolean;
  readonly origin?: string;
}

/** A checkpoint comes at most every second. */
const pollMs = 500;

export const showLog: CommandHandler<LogOptions> = async ({ io, options, sources }) => {
  const { type, device, follow = false } = options;
  const since = options.since === undefined ? "" : sinceTime(options.since, Date.now());
  const log = new PublishedLog({ dir: findLedger(loadConfig(sources), options.origin).dir });
  try {
    for (let from = 0; ; await sleep(pollMs)) {
      const to = (await log.checkpoint())?.checkpoint.size ?? 0;
      for await (const { leafIndex, event } of log.events(from, to)) {
        const view = eventView(event, leafIndex);
        const isWanted =
          view.time >= since &&
          (type === undefined || isOfType(view.type, type)) &&
          (device === undefined || view.deviceId === device);
        if (isWanted) io.out(`${options.json ? JSON.stringify(view) : line(view)}\n`);
      }
      if (!follow) return 0;
      from = Math.max(from, to);
    }
  } finally {
    await log.close();
  }
};

function line({ time, type, by, text }: EventView): string {
  return printable(`${time}  ${type.padEnd(24)}  ${(by ?? "-").padEnd(8)}  ${text}`);
}

/** @param text `2026-05-01`, an RFC 3339 time, or how long ago: `90m`, `36h`, `7d` @returns ISO 8601 */
export function sinceTime(text: string, nowMs: number): string {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.parse(text) : nowMs - Number(count) * unitMs[unit as keyof typeof unitMs];
  if (Number.isNaN(ms) || (count === undefined && !/^\d{4}-\d{2}-\d{2}/.test(text)))
    throw new UsageError(`--since ${text}: give a date, an RFC 3339 time, or how long ago, as 36h or 7d`);
  return new Date(Math.max(0, ms)).toISOString();
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
