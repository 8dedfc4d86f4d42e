/** What may be spoken on a port: everything we read, told apart by itself, unless the operator names one firmware. */
import { lineBoot } from "../dialects/line-boot.ts";
import { lineBsec2 } from "../dialects/line-bsec2.ts";
import { lineField } from "../dialects/line-field.ts";
import { lineJson } from "../dialects/line-json.ts";
import { lineLoraGateway } from "../dialects/line-lora-gateway.ts";
import { lineMorgio } from "../dialects/line-morgio.ts";
import { lineProduction } from "../dialects/line-production.ts";
import { lineScienceComms } from "../dialects/line-sciencecomms.ts";
import { mdpA } from "../dialects/mdp-a.ts";
import { mdpB } from "../dialects/mdp-b.ts";
import { mdpDrone } from "../dialects/mdp-drone.ts";
import { mdpEnvelope } from "../dialects/mdp-envelope.ts";
import { mdpWifisense } from "../dialects/mdp-wifisense.ts";
import type { FrameDialect } from "./dialect.ts";
import type { LineDialect } from "./line.ts";

export interface PortDialects {
  /** Tried in this order. A signed envelope is one whatever firmware carries it. */
  readonly frames: readonly FrameDialect[];
  readonly lines: readonly LineDialect[];
}

const packed = [mdpDrone, mdpWifisense];
const lineFirmware = {
  production: lineProduction,
  bsec2: lineBsec2,
  sciencecomms: lineScienceComms,
  morgio: lineMorgio,
  field: lineField,
  "lora-gateway": lineLoraGateway,
};

/** By the name that the setting takes. */
export const portDialects = {
  auto: { frames: [mdpEnvelope, mdpB, mdpA, ...packed], lines: [lineBoot, ...Object.values(lineFirmware)] },
  "mdp-a": { frames: [mdpEnvelope, mdpA, ...packed], lines: [lineBoot] },
  // Side-A 2.1.0 prints live lines between its frames.
  "mdp-b": { frames: [mdpEnvelope, mdpB, ...packed], lines: [lineBoot, lineMorgio] },
  production: only(lineFirmware.production),
  bsec2: only(lineFirmware.bsec2),
  sciencecomms: only(lineFirmware.sciencecomms),
  morgio: only(lineFirmware.morgio),
  field: only(lineFirmware.field),
  "lora-gateway": only(lineFirmware["lora-gateway"]),
  // Whatever JSON comes, by the names in it. Not part of `auto`, where an unknown object is counted.
  json: only(lineJson),
} as const satisfies Record<string, PortDialects>;

export type PortDialectName = keyof typeof portDialects;

export function isPortDialect(name: string): name is PortDialectName {
  return Object.hasOwn(portDialects, name);
}

function only(line: LineDialect): PortDialects {
  return { frames: [mdpEnvelope], lines: [line] };
}
