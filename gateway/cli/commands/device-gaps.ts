/** `mycogate device gaps …`: which of a device's messages are missing, as far as its numbers tell. */
import type { GapReport } from "../../http/services.ts";
import { ApiClient, type ApiOptions } from "../api-client.ts";
import { type CommandHandler, print } from "../context.ts";
import { printable } from "../table.ts";
import { devicePath } from "./device.ts";

export interface GapOptions extends ApiOptions {
  readonly from?: string;
  readonly to?: string;
}

type View = Omit<GapReport, "isComplete"> & { readonly complete: boolean };
type Counter = View["counters"][number];
/** Of a run; all are there with --json. */
const gapsShown = 20;

export const deviceGaps: CommandHandler<GapOptions> = async (context) => {
  const { from, to } = context.options;
  const given = Object.entries({ from, to }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const query = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
  const report = await new ApiClient(context).call<View>("GET", `${devicePath(context.args[0]!)}/gaps${query}`);
  const lines = report.counters.length === 0 ? ["no messages"] : report.counters.flatMap(linesOf);
  const end = report.complete ? "" : "; there is more, ask by --from";
  print(context, report, [...lines, `as of leaf ${report.upToLeaf}${end}`].map(printable).join("\n"));
  return 0;
};

function linesOf({ name, numbering, why, messages, unnumbered, missing, runs, earlierRuns }: Counter): string[] {
  const said = {
    every_message: `${missing} missing`,
    holes_by_design: `holes by design: ${why}`,
    none: `not numbered: ${why}`,
  }[numbering];
  const without = numbering !== "none" && unnumbered > 0 ? `, ${unnumbered} of them without a number` : "";
  const earlier =
    earlierRuns.runs > 0 ? [`  ${earlierRuns.runs} earlier runs, ${earlierRuns.missing ?? "no"} missing`] : [];
  return [`${name}: ${messages} messages${without}; ${said}`, ...earlier, ...runs.map(runLine)];
}

function runLine({ first, last, messages, missing, gaps, from, until }: Counter["runs"][number]): string {
  const shown = gaps.slice(-gapsShown).map((gap) => (gap.from === gap.to ? `${gap.from}` : `${gap.from}-${gap.to}`));
  const more = gaps.length > gapsShown ? "… " : "";
  const which = missing === null || missing === 0 ? "" : `, missing ${missing}: ${more}${shown.join(" ")}`;
  return `  ${first} to ${last}, ${messages} there${which} (${from} to ${until})`;
}
