import { GatewayError } from "../../src/errors.ts";

/** Where the journal stops making sense, and why. */
export interface DamagedPlace {
  readonly segment: string;
  /** Byte offset in that file. */
  readonly offset: number;
  /** The leaf that should stand there. */
  readonly leafIndex: number;
  readonly reason: string;
}

export class JournalDamage extends GatewayError {
  readonly place: DamagedPlace;

  constructor(place: DamagedPlace) {
    super("JOURNAL_CORRUPT", `${place.segment}, offset ${place.offset}, leaf ${place.leafIndex}: ${place.reason}`, {
      details: { ...place },
    });
    this.place = place;
  }
}
