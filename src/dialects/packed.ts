/** Packed little-endian structures as readings: a table says what stands where. */
import { unitCode } from "../../protocol/names.ts";
import type { UnitName } from "../../protocol/spec.ts";
import { decimalOfFloat32 } from "../codec/float32.ts";
import type { Reading } from "../reading.ts";
import { sensorOf } from "./fields.ts";

export interface PackedField {
  /** Byte offset in the body. */
  readonly at: number;
  readonly type: "u8" | "i8" | "u16" | "i16" | "u32" | "f32";
  /** A name of the sensor table, or text. */
  readonly sensor: string;
  readonly unit: UnitName | "";
  /** Decimal places of an integer: 3 for milliseconds of a time in seconds. */
  readonly places?: number;
}

/** A float that is no number (a sensor that is not there) gives no reading. */
export function packedReadings(body: Uint8Array, fields: readonly PackedField[]): Reading[] {
  const view = viewOf(body);
  return fields.flatMap(({ at, type, sensor, unit, places = 0 }) => {
    const value = read(view, at, type);
    const decimal = type === "f32" ? decimalOfFloat32(value) : { vi: value, vs: places };
    return decimal
      ? [{ sensor: sensorOf(sensor, undefined), ...decimal, unit: unitCode(unit) ?? unit, quality: 0 }]
      : [];
  });
}

export function viewOf(body: Uint8Array): DataView {
  return new DataView(body.buffer, body.byteOffset, body.length);
}

function read(view: DataView, at: number, type: PackedField["type"]): number {
  switch (type) {
    case "u8":
      return view.getUint8(at);
    case "i8":
      return view.getInt8(at);
    case "u16":
      return view.getUint16(at, true);
    case "i16":
      return view.getInt16(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "f32":
      return view.getFloat32(at, true);
  }
}
