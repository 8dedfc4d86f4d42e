/** How the messages of each format are numbered, and so what a hole in their numbers says. docs/adr/0093 */
import type { PayloadFormat } from "../dialects/index.ts";

/**
 * - `every_message`: each takes the next number, so a hole is a message that is not in the ledger
 * - `holes_by_design`: numbers go forward, and a hole says nothing
 * - `none`: nothing can be missed by number
 */
export type Numbering = "every_message" | "holes_by_design" | "none";

export interface Numbered {
  readonly numbering: Numbering;
  /** Formats that share a counter have the same. */
  readonly counter: string;
  /** Each sender of frames on a port has a counter of its own. */
  readonly bySender?: true;
  readonly why: string;
}

const envelope: Numbered = {
  numbering: "every_message",
  counter: "envelope",
  why: "the device numbers each envelope",
};
const packed: Numbered = {
  numbering: "holes_by_design",
  counter: "mdp-a",
  why: "acknowledgements take numbers too, and Side-B numbers two links from one counter",
};
const line = (why: string): Numbered => ({ numbering: "none", counter: "lines", why });
const unnumberedLine = line("this firmware does not number its lines");

/** Undefined for what the gateway itself states beside a message. */
export const numberings: Readonly<Record<PayloadFormat, Numbered | undefined>> = {
  envelope,
  "envelope-chained": envelope,
  "envelope-json": envelope,
  "telemetry-json": {
    numbering: "every_message",
    counter: "telemetry",
    why: "the sender numbers each message by `seq`",
  },
  "mdp-b": {
    numbering: "every_message",
    counter: "mdp-b",
    bySender: true,
    why: "a side of the board numbers each frame from 1 at every start; frames that were refused have numbers too",
  },
  "mdp-a": packed,
  "mdp-drone": packed,
  "mdp-wifisense": packed,
  "line-bsec2": {
    numbering: "every_message",
    counter: "line-bsec2",
    why: "the firmware numbers each line from its start",
  },
  "line-boot": unnumberedLine,
  "line-production": unnumberedLine,
  "line-sciencecomms": unnumberedLine,
  "line-morgio": unnumberedLine,
  "line-field": unnumberedLine,
  "line-json": line("nobody described this firmware"),
  "line-lora-gateway": line("the radio prints headers of other boards' frames"),
  mavlink: {
    numbering: "none",
    counter: "mavlink",
    why: "an entry holds the newest frame of each message, and the others are thinned out on purpose",
  },
  "fci-json": { numbering: "none", counter: "fci", why: "the board does not number its messages" },
  link: undefined,
};
