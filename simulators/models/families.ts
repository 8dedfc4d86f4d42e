import { bme688 } from "./bme688.ts";
import type { Family } from "./model.ts";
import { spectrometer } from "./spectrometer.ts";
import { sporebase } from "./sporebase.ts";

/** Every family there is a model of, by the name it has in a scenario. */
export const families = {
  bme688,
  sporebase,
  spectrometer,
} as const satisfies Record<string, Family>;

export type FamilyName = keyof typeof families;
