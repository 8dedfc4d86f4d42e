/** Ledger entries as rows of the table `entries`, in the binary form that COPY takes. */
import type { Decimal } from "../../src/codec/decimal.ts";
import { decodePayload } from "../../src/dialects/index.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { removalEvent } from "../../src/ledger/removal.ts";
import type { ReadingEntry } from "../../src/ledger/types.ts";
import type { ArrayReading, Reading, Sample } from "../../src/reading.ts";
import { type RegistryEvent, registryEvent } from "../../src/registry/events.ts";
import { type CopyBuffer, fitsNumeric, typeOid } from "./copy-buffer.ts";
import type { ErasedDevice } from "./erase-rows.ts";
import type { Names } from "./names.ts";

export const copyEntries = copyInto("entries");

/** In the order of the fields below. @param table has the columns of `entries` */
export function copyInto(table: string): string {
  return `COPY ${table} (leaf_index, kind, device_clock, time, received_at, device_no, source_no, key_epoch,
  lat_e7, lon_e7, acc_m, seq, msg_id, channels, values, qualities,
  array_channels, array_ends, array_values, array_qualities, entry) FROM STDIN (FORMAT binary)`;
}
const columns = 21;

/** What the leaf's first element says; 0 where the entry is not understood, 4 where it was taken out. */
export const kind = { unknown: 0, reading: 1, seal: 2, event: 3, removed: 4 } as const;

/** A device clock before 2020, or this far ahead of the gateway's, is not believed. design.md §4, Time */
const earliestDeviceMs = Date.UTC(2020, 0, 1);
const latestAheadMs = 600_000;
const maxInt32 = 0x7fff_ffff;
/** Beside texts, bytes and array elements: every field's length and fixed part, and the arrays' headers. */
const fixedRowBytes = 384;
/** A channel, where an array ends, and a quality, with their lengths. */
const elementBytes = 8 + 8 + 6;

export interface DatedEvent {
  readonly event: RegistryEvent;
  readonly receivedUs: number;
}

/** What could not be copied in full. The entry's bytes are always kept, so a later version can do better. */
export interface CopyWarnings {
  /** Entries or payloads that no decoder takes. */
  readonly undecodable: number;
  /** Readings whose number the database cannot hold. */
  readonly unstorable: number;
}

export class EntryEncoder {
  /** Registry events met, oldest first, for whoever applies them to the tables of devices. */
  readonly events: DatedEvent[] = [];
  /** Devices whose readings were taken out of the ledger. */
  readonly erased: ErasedDevice[] = [];
  #warnings = { undecodable: 0, unstorable: 0 };
  readonly #names: Names;
  readonly #out: CopyBuffer;

  constructor(names: Names, out: CopyBuffer) {
    this.#names = names;
    this.#out = out;
  }

  /** What was met since the last call. */
  takeWarnings(): CopyWarnings {
    const warnings = this.#warnings;
    this.#warnings = { undecodable: 0, unstorable: 0 };
    return warnings;
  }

  /** Append the row of one entry, whatever its bytes. */
  add(leafIndex: number, bytes: Uint8Array): void {
    const entry = decodeEntry(bytes);
    if (!entry.ok) {
      this.#warnings.undecodable++;
      this.#addPlain(leafIndex, bytes, kind.unknown, undefined, undefined);
    } else if (entry.value.kind === "event") {
      const { receivedUs } = entry.value;
      const event = registryEvent(entry.value);
      if (event) this.events.push({ event, receivedUs });
      const removal = removalEvent(entry.value);
      if (removal?.type === "device.payloads_erased") this.erased.push(removal);
      this.#addPlain(leafIndex, bytes, kind.event, receivedUs, event && this.#names.device(event.id));
    } else if (entry.value.kind === "seal") {
      this.#addPlain(leafIndex, bytes, kind.seal, entry.value.sealedUs, undefined);
    } else if (entry.value.kind === "removed") {
      this.#addPlain(leafIndex, bytes, kind.removed, undefined, undefined);
    } else {
      const sample = decodePayload(entry.value.format, entry.value.payload);
      if (!sample.ok) this.#warnings.undecodable++;
      this.addReading(leafIndex, bytes, entry.value, sample.ok ? sample.value : undefined);
    }
  }

  addReading(leafIndex: number, bytes: Uint8Array, entry: ReadingEntry, sample: Sample | undefined): void {
    const out = this.#out;
    const deviceUs = plausibleDeviceUs(sample?.epochMs, entry.receivedUs);
    const elements = (sample?.readings.length ?? 0) + (sample?.arrays?.length ?? 0);
    const textBytes = 3 * (sample?.msgId?.length ?? 0);
    out.row(columns, fixedRowBytes + textBytes + bytes.length + elementBytes * elements);
    out.int64Field(leafIndex);
    out.int16Field(kind.reading);
    out.booleanField(deviceUs !== undefined);
    out.timestampField(deviceUs ?? entry.receivedUs);
    out.timestampField(entry.receivedUs);
    out.int32Field(this.#names.device(entry.deviceId));
    out.int32Field(this.#names.source(entry.source, entry.format, entry.firmware));
    out.int32Field(entry.keyEpoch);
    this.#geo(sample?.geo);
    if (sample?.seq === undefined || !fitsNumeric(sample.seq, 0)) out.nullField();
    else out.numericField(sample.seq, 0);
    if (sample?.msgId === undefined) out.nullField();
    else out.textField(sample.msgId);
    this.#readings(sample);
    this.#arrays(sample?.arrays);
    out.bytesField(bytes);
  }

  #addPlain(
    leafIndex: number,
    bytes: Uint8Array,
    kind: number,
    receivedUs: number | undefined,
    device: number | undefined,
  ): void {
    const out = this.#out;
    out.row(columns, fixedRowBytes + bytes.length);
    out.int64Field(leafIndex);
    out.int16Field(kind);
    out.booleanField(false);
    for (let i = 0; i < 2; i++) {
      if (receivedUs === undefined) out.nullField();
      else out.timestampField(receivedUs);
    }
    if (device === undefined) out.nullField();
    else out.int32Field(device);
    for (let i = 0; i < 14; i++) out.nullField(); // From source_no to array_qualities.
    out.bytesField(bytes);
  }

  #geo(geo: Sample["geo"]): void {
    const out = this.#out;
    if (!geo || Math.abs(geo.latE7) > maxInt32 || Math.abs(geo.lonE7) > maxInt32) {
      for (let i = 0; i < 3; i++) out.nullField();
      return;
    }
    out.int32Field(geo.latE7);
    out.int32Field(geo.lonE7);
    if (geo.accM === undefined || geo.accM > maxInt32) out.nullField();
    else out.int32Field(geo.accM);
  }

  /** Three arrays side by side; a reading that numeric cannot hold is left out of all three. */
  #readings(sample: Sample | undefined): void {
    const out = this.#out;
    if (!sample) {
      for (let i = 0; i < 3; i++) out.nullField();
      return;
    }
    const readings = sample.readings.every(isStorable) ? sample.readings : sample.readings.filter(isStorable);
    this.#warnings.unstorable += sample.readings.length - readings.length;

    this.#channels(readings);
    const values = out.openArray(typeOid.numeric, readings.length);
    for (const { vi, vs } of readings) out.numericField(vi, vs);
    out.closeArray(values);
    this.#qualities(readings);
  }

  /** All values one after another, and where each array ends among them: arrays of PostgreSQL cannot be ragged. */
  #arrays(all: readonly ArrayReading[] = []): void {
    const out = this.#out;
    const arrays = all.filter(({ values }) => values.every(isStorable));
    this.#warnings.unstorable += all.length - arrays.length;
    if (arrays.length === 0) {
      for (let i = 0; i < 4; i++) out.nullField();
      return;
    }
    this.#channels(arrays);
    const ends = out.openArray(typeOid.int4, arrays.length);
    let end = 0;
    for (const { values } of arrays) {
      end += values.length;
      out.int32Field(end);
    }
    out.closeArray(ends);
    const values = out.openArray(typeOid.numeric, end);
    for (const array of arrays) for (const { vi, vs } of array.values) out.numericField(vi, vs);
    out.closeArray(values);
    this.#qualities(arrays);
  }

  #channels(readings: readonly (Reading | ArrayReading)[]): void {
    const channels = this.#out.openArray(typeOid.int4, readings.length);
    for (const { sensor, unit } of readings) this.#out.int32Field(this.#names.channel(sensor, unit));
    this.#out.closeArray(channels);
  }

  /** Null where all are 0. */
  #qualities(readings: readonly (Reading | ArrayReading)[]): void {
    const out = this.#out;
    if (readings.every(({ quality }) => quality === 0)) {
      out.nullField();
      return;
    }
    const qualities = out.openArray(typeOid.int2, readings.length);
    for (const { quality } of readings) out.int16Field(quality);
    out.closeArray(qualities);
  }
}

function isStorable({ vi, vs }: Decimal): boolean {
  return fitsNumeric(vi, vs);
}

/** The device's clock in microseconds, or undefined where it has none that could be right. */
function plausibleDeviceUs(epochMs: number | bigint | undefined, receivedUs: number): number | undefined {
  const ms = Number(epochMs ?? Number.NaN);
  return ms >= earliestDeviceMs && ms <= receivedUs / 1000 + latestAheadMs ? Math.round(ms * 1000) : undefined;
}
