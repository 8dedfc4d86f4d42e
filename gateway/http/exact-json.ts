/**
 * JSON whose numbers are the decimal text that the database holds. A number of JavaScript would turn 21.70 into 21.7 and
 * a seq beyond 2^53 into another seq, and Node 20 has no JSON.rawJSON.
 */
import { GatewayError } from "../../src/errors.ts";
import type { ReadingRow } from "./services.ts";

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/;

/** `{"data":[…],"next":…}` */
export function readingsPageJson(rows: readonly ReadingRow[], next: string | null): string {
  return `{"data":[${rows.map(readingJson).join(",")}],"next":${JSON.stringify(next)}}`;
}

function readingJson(row: ReadingRow): string {
  return (
    `{"time":${text(row.time)},"deviceId":${text(row.deviceId)},"sensor":${text(row.sensor)},` +
    `${valueJson(row.value)},"unit":${text(row.unit)},"quality":${row.quality},` +
    `"seq":${row.seq === null ? "null" : exact(row.seq)},"msgId":${text(row.msgId)},"leafIndex":${row.leafIndex},` +
    `"verification":${text(row.verification)},"timeSource":${text(row.timeSource)}}`
  );
}

function valueJson(value: ReadingRow["value"]): string {
  return typeof value === "string" ? `"value":${exact(value)}` : `"values":[${value.map(exact).join(",")}]`;
}

const text = JSON.stringify;

function exact(decimal: string): string {
  if (!jsonNumber.test(decimal)) throw new GatewayError("INTERNAL", `"${decimal}" is not a JSON number`);
  return decimal;
}
