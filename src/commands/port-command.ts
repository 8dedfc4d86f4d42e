/** A command as the board on a port understands it, by what it speaks. */
import { isEnvelope } from "../dialects/envelope.ts";
import type { PayloadFormat } from "../dialects/index.ts";
import type { SpokenDialect } from "../serial/detector.ts";
import type { Addressed, Encoded } from "./encoded.ts";
import { encodeLine } from "./lines.ts";
import { encodeMdpA } from "./mdp-a.ts";
import { encodeMdpB } from "./mdp-b.ts";

/** What a device speaks that sent a message of this format in a frame or packet of its own; undefined where that does not tell. */
export function spokenIn(format: PayloadFormat): SpokenDialect | undefined {
  if (isEnvelope(format)) return "mdp-envelope";
  return format.startsWith("mdp-") ? (format as SpokenDialect) : undefined;
}

/**
 * @param dialect undefined where nothing was read of the board yet: generation B is what answers a question
 * @param role of the device, as the registry has it
 */
export function encodePortCommand(dialect: SpokenDialect | undefined, role: string, command: Addressed): Encoded {
  switch (dialect) {
    case undefined:
    case "mdp-b":
      return encodeMdpB(command, false);
    case "mdp-envelope":
      return encodeMdpB(command, true);
    case "mdp-a":
      return encodeMdpA(command, role);
    case "mdp-drone":
      return encodeMdpA(command, role, "drone");
    case "mdp-wifisense":
      return encodeMdpA(command, role, "wifisense");
    default:
      return encodeLine(dialect, command);
  }
}
