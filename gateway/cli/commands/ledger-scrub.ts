/** `mycogate ledger scrub`: one pass of the running gateway's scrub, now, and what it found. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ScrubPassView, ScrubView } from "../../http/services.ts";
import { ApiClient, type ApiOptions } from "../api-client.ts";
import { type CommandHandler, print } from "../context.ts";
import { ProgressBar } from "../progress-bar.ts";
import { table } from "../table.ts";

const lookMs = 200;

export const scrubLedger: CommandHandler<ApiOptions> = async (context) => {
  const api = new ApiClient(context);
  const { number } = await api.call<{ number: number }>("POST", "/api/v1/scrub");
  const progress = new ProgressBar(context.io, "entries");
  let view = await api.call<ScrubView>("GET", "/api/v1/scrub");
  while (view.last === null || view.last.number < number) {
    if (view.running?.number === number) progress.show(view.running.position, view.running.size);
    await sleep(lookMs);
    view = await api.call<ScrubView>("GET", "/api/v1/scrub");
  }
  progress.clear();
  const { last: pass, open } = view;
  print(context, { ...pass, open }, describe(pass));
  const isWhole = pass.error === null && pass.missedRows === 0;
  return isWhole && open.length === 0 && pass.findings.every(({ repaired }) => repaired) ? 0 : 1;
};

function describe({ entries, rows, missedRows, databaseTrouble, findings, error }: ScrubPassView): string {
  const lines = [`${entries} entries and ${rows} rows of the database checked`];
  if (missedRows > 0) lines.push(`the rows of ${missedRows} entries were not compared: ${databaseTrouble}`);
  if (error !== null) lines.push(`the pass ended too early: ${error}`);
  if (findings.length === 0 && error === null) lines.push("nothing is wrong");
  if (findings.length > 0) {
    const found = findings.map(({ part, leafIndex, count, repaired, what }) => [
      part,
      String(leafIndex),
      String(count),
      repaired ? "repaired" : "NOT REPAIRED",
      what,
    ]);
    lines.push("", table(["part", "leaf", "count", "outcome", "what"], found));
  }
  return lines.join("\n");
}
