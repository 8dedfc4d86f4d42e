import { bme688 } from "./bme688.ts";
import { fci } from "./fci.ts";
import { generationA } from "./generation-a.ts";
import { generationB } from "./generation-b.ts";
import { bsec2, fieldBoard, morgio, production, scienceComms } from "./line-boards.ts";
import { loraGateway } from "./lora-gateway.ts";
import { lorawanNode } from "./lorawan-node.ts";
import { mavlinkDrone } from "./mavlink-drone.ts";
import { mdpDrone } from "./mdp-drone.ts";
import type { Family } from "./model.ts";
import { spectrometer } from "./spectrometer.ts";
import { sporebase } from "./sporebase.ts";
import { wifisense } from "./wifisense.ts";

/** Every family there is a model of, by the name it has in a scenario. */
export const families = {
  bme688,
  sporebase,
  spectrometer,
  "generation-a": generationA,
  "generation-b": generationB,
  production,
  bsec2,
  sciencecomms: scienceComms,
  morgio,
  "field-board": fieldBoard,
  "lora-gateway": loraGateway,
  "lorawan-node": lorawanNode,
  fci,
  wifisense,
  "mdp-drone": mdpDrone,
  "mavlink-drone": mavlinkDrone,
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof families;
