import type { Decimal } from "./codec/decimal.ts";

/** One measured value, exactly as the device stated it: value = vi × 10^(−vs). */
export interface Reading {
  /** Code of the sensor table (protocol/spec.ts), or the text id as sent. */
  readonly sensor: number | string;
  /** Unscaled value. A bigint only where a number would not be exact. */
  readonly vi: number | bigint;
  /** Decimal places, 0–9 on the wire; a JSON number may need more (≤ 20). */
  readonly vs: number;
  /** Code of the unit table, or text as sent. 0 and unknown numbers are legal and have no defined meaning. */
  readonly unit: number | string;
  /** 0 ok, 1 warn, 2 bad. */
  readonly quality: number;
}

/** A reading whose values mean something only together and in order: a spectrum, a heater scan, channel state. */
export interface ArrayReading extends Pick<Reading, "sensor" | "unit" | "quality"> {
  readonly values: readonly Decimal[];
}

/** What every dialect makes of one payload: who, when, in which order, and the values. */
export interface Sample {
  /** What the message calls its sender; a claim, not an identity. Absent where the dialect carries none that is unique. */
  readonly claimedDeviceId: string | undefined;
  /** Lower-case hex of the 16-byte message id, or the text id as sent. Together with `seq` it must never come twice. */
  readonly msgId: string | undefined;
  readonly seq: number | bigint | undefined;
  /** Device clock, milliseconds since 1970, as claimed; undefined where the device has none. */
  readonly epochMs: number | bigint | undefined;
  readonly geo?: { readonly latE7: number; readonly lonE7: number; readonly accM: number | undefined };
  readonly readings: readonly Reading[];
  /** Absent where there are none. */
  readonly arrays?: readonly ArrayReading[];
}
