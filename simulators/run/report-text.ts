import type { Report } from "./run-scenario.ts";

/** What a run found, for people. */
export function reportText(report: Report): string {
  const { scenario, seed, start, devices, messages, copies, lost, seconds, perSecond, ackMs, skipped, checks, passed } =
    report;
  const lines = [
    `${scenario}, seed ${seed}, start ${start}: ${devices} devices, ${messages} messages in ${copies} copies, ${lost} lost, ${perSecond.toFixed(0)} a second, ${seconds.toFixed(1)} s in all`,
  ];
  if (ackMs) lines.push(`acknowledged within ${ms(ackMs.p50)} (half), ${ms(ackMs.p99)} (99 %), ${ms(ackMs.max)} (all)`);
  for (const { name, ok, detail } of checks) lines.push(`${ok ? "  ok  " : "  FAIL"}  ${name}: ${detail}`);
  for (const { group, why } of skipped) lines.push(`  skip  group ${group}: ${why}`);
  if (skipped.length > 0) lines.push("With --start, every group has a gateway that it can reach.");
  lines.push(passed ? "passed" : "FAILED");
  return lines.join("\n");
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
