/**
 * Lines of text as messages: the boards in the field print one JSON object a line, some beside their frames, and some
 * print text for people that can be read as well. wire-facts §3.7, §4.2, §5, §6.
 */
import { type ExactObject, parseExactJson } from "../dialects/exact-json.ts";
import type { Sample } from "../reading.ts";
import { accept, type Result, refuse } from "../result.ts";
import type { CommandResult, Hello } from "./dialect.ts";

export interface Line {
  readonly text: string;
  /** Where the line is one JSON object. */
  readonly json: ExactObject | undefined;
}

/** What one line says. */
export interface LineContent extends Pick<Sample, "readings" | "arrays" | "geo"> {
  readonly seq?: number | undefined;
  readonly hello?: Hello;
  /** Twelve lower-case hex digits. */
  readonly mac?: string | undefined;
  readonly result?: CommandResult;
  /** Printed when the board starts. */
  readonly boot?: boolean;
}

export interface LineDialect {
  readonly name: LineDialectName;
  /** How its lines of text begin, where it has such; what begins so and cannot be read was cut off or mixed. */
  readonly begins?: RegExp;
  /** @returns undefined where the line is not of this dialect, a refusal where it is and cannot be taken */
  read(line: Line): Result<LineContent, "SCHEMA_INVALID"> | undefined;
}

/** The payload format of a line is `line-` and the name of its dialect. */
export type LineDialectName =
  | "boot"
  | "production"
  | "bsec2"
  | "sciencecomms"
  | "morgio"
  | "field"
  | "lora-gateway"
  | "json";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The decoder of the lines of one dialect, as they are in the ledger: without their end. */
export function lineDecoder(
  dialect: LineDialect,
): (payload: Uint8Array) => Result<Sample, "NOT_WELL_FORMED" | "SCHEMA_INVALID"> {
  return (payload) => {
    let text: string;
    try {
      text = utf8.decode(payload);
    } catch {
      return refuse("NOT_WELL_FORMED", "not UTF-8");
    }
    const content = dialect.read(lineOf(text));
    if (!content) return refuse("SCHEMA_INVALID", `no line of ${dialect.name}`);
    if (!content.ok) return content;
    const { readings, arrays, geo, seq } = content.value;
    // What a line calls its sender is shared by many boards, so the port says whose it is.
    return accept({
      claimedDeviceId: undefined,
      msgId: undefined,
      seq,
      epochMs: undefined,
      readings,
      ...(arrays && { arrays }),
      ...(geo && { geo }),
    });
  };
}

export function lineOf(text: string): Line {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{")) return { text, json: undefined };
  const parsed = parseExactJson(new TextEncoder().encode(trimmed));
  return { text, json: parsed.ok && parsed.value instanceof Map ? parsed.value : undefined };
}
