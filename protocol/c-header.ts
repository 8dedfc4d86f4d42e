/** firmware-shim/include/myco/protocol.h, from spec.ts. C99 macros only, so that every size can be a static one. */
import {
  type CodeEntry,
  chained,
  envelope,
  type LayoutField,
  type MapField,
  mdp,
  ourCodes,
  quality,
  receipt,
  sensors,
  transportCodes,
  units,
} from "./spec.ts";

/** @param specHash names the state of the tables, see spec-text.ts */
export function cHeader(specHash: string): string {
  return [
    "/* Generated from protocol/spec.ts; do not edit. `npm run generate` writes it, CI compares it. */",
    "#ifndef MYCO_PROTOCOL_H",
    "#define MYCO_PROTOCOL_H",
    "",
    "#ifdef __cplusplus",
    'extern "C" {',
    "#endif",
    "",
    "/* First half of the SHA-256 of the tables, to tell which state of the contract a build has. */",
    `#define MYCO_SPEC_HASH "${specHash.slice(0, 32)}"`,
    ...section(envelope.doc, [
      macro("ENVELOPE_VERSION", hex(envelope.version)),
      ...mapKeys("ENVELOPE_KEY", envelope.fields),
      ...mapKeys("GEO_KEY", envelope.geo),
      ...mapKeys("READING_KEY", envelope.reading),
    ]),
    ...section("Sizes and ranges of an envelope.", [
      macro("ENVELOPE_BYTES_MAX", decimal(envelope.maxBytes)),
      macro("DEVICE_ID_MAX", decimal(envelope.fields.deviceId.maxBytes)),
      macro("MSG_ID_BYTES", decimal(envelope.fields.msgId.bytes)),
      macro("HASH_BYTES", decimal(envelope.fields.hash.bytes)),
      macro("SIGNATURE_BYTES", decimal(envelope.fields.signature.bytes)),
      macro("SIGNATURE_PREFIX", `"${envelope.signaturePrefix}"`),
      macro("SIGNATURE_PREFIX_BYTES", decimal(envelope.signaturePrefix.length)),
      macro("READINGS_MAX", decimal(envelope.fields.readings.max)),
      macro("VALUE_PLACES_MAX", decimal(envelope.reading.vs.max)),
      macro("CODE_TEXT_MAX", decimal(envelope.reading.sensor.maxBytes)),
      macro("METADATA_DEPTH_MAX", decimal(envelope.metadata.maxDepth)),
      macro("METADATA_ITEMS_MAX", decimal(envelope.metadata.maxItems)),
      macro("GEO_LAT_E7_MAX", `${envelope.geo.latE7.max}L`),
      macro("GEO_LON_E7_MAX", `${envelope.geo.lonE7.max}L`),
      `/* Always enough for a message without metadata whose sensors and units are numbers. */`,
      `#define MYCO_ENVELOPE_SIZE_MAX(id_bytes, readings) (${envelopeSize.fixed}u + (id_bytes) + ${envelopeSize.perReading}u * (readings))`,
    ]),
    ...section(chained.doc, [
      macro("CHAINED_VERSION", decimal(chained.version)),
      macro("CHAINED_BYTES_MAX", decimal(chained.maxBytes)),
      macro("CHAINED_KEY_LINKS", decimal(chained.fields.links.key), chained.fields.links.doc),
      macro("LINK_BYTES", decimal(chained.linkBytes), "Of the BLAKE2b-256 of a chained message; its message id too."),
      macro("LINKS_MAX", decimal(chained.maxLinks)),
      macro("SPAN_MAX", decimal(chained.maxSpan), "Messages in a row without a signature."),
      macro("ANCHOR_KEY", decimal(chained.anchorKey), "In the metadata of the signed envelope that proves the others."),
    ]),
    ...section(receipt.doc, [
      macro("RECEIPT_MAX", decimal(receipt.maxBytes), "Bytes, for any device id."),
      macro("RECEIPT_KIND", decimal(receipt.kind)),
      macro("RECEIPT_FIRST_BYTE", hex(receipt.head[0])),
      ...bytesMacro("RECEIPT_HEAD", receipt.head, "How a receipt begins. The length of its payload follows, one byte."),
      ...bytesMacro("RECEIPT_SIGNATURE_HEAD", receipt.signatureHead, "Between payload and signature."),
      ...bytesMacro(
        "RECEIPT_SIGNED_HEAD",
        receipt.signedHead,
        "How the signed bytes begin. Length and payload follow.",
      ),
      macro("RECEIPT_ELEMENTS", decimal(Object.keys(receipt.fields).length), "Of the payload, an array."),
      ...mapKeys("RECEIPT_AT", receipt.fields),
      macro("RECEIPT_LEAF_HASH_BYTES", decimal(receipt.fields.leafHash.bytes)),
      macro(
        "RECEIPT_INDEX_MAX",
        `0x${receipt.fields.leafIndex.max.toString(16).toUpperCase()}ULL`,
        "Of leaf index and tree size.",
      ),
    ]),
    ...section("Quality of a reading.", codes("QUALITY", quality)),
    ...section("Transports, envelope key 2.", codes("TRANSPORT", transportCodes)),
    ...section(
      `Sensors. 0x${ourCodes.first.toString(16)} to 0x${ourCodes.last.toString(16)} are this project's.`,
      codes("SENSOR", sensors),
    ),
    ...section("Units.", codes("UNIT", units)),
    ...section(mdp.doc, [
      macro("MDP_MAGIC", hex(mdp.magic)),
      macro("MDP_VERSION", hex(mdp.version)),
      macro("MDP_HEADER_BYTES", decimal(mdp.headerBytes)),
      macro("MDP_CRC_BYTES", decimal(mdp.crcBytes)),
      macro("MDP_PACKET_MAX", decimal(mdp.maxPacketBytes)),
      macro("MDP_FRAME_MAX", decimal(mdp.maxFrameBytes)),
      macro("MDP_CRC_POLYNOMIAL", hex(mdp.crc.polynomial)),
      macro("MDP_CRC_INITIAL", hex(mdp.crc.initial)),
      macro("MDP_CRC_CHECK", hex(mdp.crc.check), 'of "123456789"'),
      "/* Encoded frame of a body of so many bytes: header, CRC, COBS codes and delimiter. */",
      `#define MYCO_MDP_FRAME_SIZE_MAX(body_bytes) ((body_bytes) + ${framing}u + ((body_bytes) + ${mdp.headerBytes + mdp.crcBytes}u) / 254u)`,
    ]),
    ...section("Offsets in the header.", layout("MDP_AT", mdp.header)),
    ...section("Header flags.", codes("MDP_FLAG", mdp.flags)),
    ...section("Endpoints.", codes("MDP_ENDPOINT", mdp.endpoints)),
    ...section("Message types.", codes("MDP_TYPE", mdp.types)),
    ...section("Body of COMMAND, generation A.", layout("MDP_COMMAND_AT", mdp.command)),
    ...section("Body of EVENT that answers a COMMAND, generation A.", layout("MDP_RESULT_AT", mdp.result)),
    ...section("A TELEMETRY body whose first byte is in this range is an envelope (an addition of this project).", [
      macro("MDP_ENVELOPE_FIRST_BYTE_MIN", hex(mdp.envelopeBody.firstByteMin)),
      macro("MDP_ENVELOPE_FIRST_BYTE_MAX", hex(mdp.envelopeBody.firstByteMax)),
    ]),
    ...section(
      "First byte of what answers an envelope: a signed receipt, or JSON that says why not (additions of this project).",
      [
        macro("MDP_RECEIPT_FIRST_BYTE", hex(mdp.receiptBody.receiptFirstByte)),
        macro("MDP_REFUSAL_FIRST_BYTE", hex(mdp.receiptBody.refusalFirstByte)),
      ],
    ),
    "",
    "#ifdef __cplusplus",
    "}",
    "#endif",
    "",
    "#endif /* MYCO_PROTOCOL_H */",
    "",
  ].join("\n");
}

/** COBS takes a code byte and one more for each full 254 bytes, and the delimiter follows. */
const framing = mdp.headerBytes + mdp.crcBytes + 2;

/** Longest encodings, head by head; RFC 8949 §3. */
export const envelopeSize = {
  fixed:
    headBytes(Object.keys(envelope.fields).length) +
    sum(Object.values<MapField>(envelope.fields), fieldBytes) +
    headBytes(Object.keys(envelope.geo).length) +
    sum(Object.values<MapField>(envelope.geo), fieldBytes),
  perReading:
    headBytes(Object.keys(envelope.reading).length) + sum(Object.values<MapField>(envelope.reading), fieldBytes),
};

function fieldBytes({ key, type, min = 0, max = 0, bytes, maxBytes = 0 }: MapField): number {
  if (key === envelope.fields.metadata.key && type === "map") return 0;
  if (type === "map") return headBytes(key);
  if (type === "array") return headBytes(key) + headBytes(max);
  if (type === "text") return headBytes(key) + headBytes(maxBytes);
  if (bytes !== undefined) return headBytes(key) + headBytes(bytes) + bytes;
  const negative = -1n - BigInt(min);
  return headBytes(key) + Math.max(headBytes(max), negative > 0n ? headBytes(negative) : 1);
}

function headBytes(argument: number | bigint): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x1_0000 ? 3 : argument < 0x1_0000_0000 ? 5 : 9;
}

function sum<T>(items: readonly T[], size: (item: T) => number): number {
  return items.reduce((total, item) => total + size(item), 0);
}

function section(title: string, lines: readonly string[]): string[] {
  return ["", `/* ${ascii(title)} */`, ...lines];
}

function mapKeys(prefix: string, fields: Record<string, MapField>): string[] {
  return Object.entries(fields).map(([name, { key, doc }]) => macro(`${prefix}_${snake(name)}`, decimal(key), doc));
}

function layout(prefix: string, fields: Record<string, LayoutField>): string[] {
  return Object.entries(fields).map(([name, { at, type, doc }]) =>
    macro(`${prefix}_${snake(name)}`, decimal(at), `${type}: ${doc}`),
  );
}

function codes(prefix: string, table: Record<string, CodeEntry>): string[] {
  return Object.entries(table).map(([name, { code, doc }]) => macro(`${prefix}_${upper(name)}`, hex(code), doc));
}

function macro(name: string, value: string, doc?: string): string {
  return `#define MYCO_${name} ${value}${doc === undefined ? "" : ` /* ${ascii(doc)} */`}`;
}

/** Bytes as a string literal: it works in a memcmp and in an initializer alike. */
function bytesMacro(name: string, bytes: readonly number[], doc: string): string[] {
  const escapes = bytes.map((byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  return [macro(name, `"${escapes}"`, doc), macro(`${name}_BYTES`, decimal(bytes.length))];
}

/** `latE7` → `LAT_E7` */
function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
}

/** `%RH` → `PERCENT_RH`, `dBm` → `DBM` */
function upper(name: string): string {
  return name
    .replace(/^%(?=.)/, "percent_")
    .replace("%", "percent")
    .toUpperCase();
}

function decimal(value: number): string {
  return `${value}u`;
}

function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(2, "0")}u`;
}

/** Compilers for small targets need not read UTF-8. */
function ascii(text: string): string {
  const plain: Record<string, string> = {
    "−": "-",
    "×": "x",
    "–": "-",
    "§": "section ",
    "‖": "||",
    "₂": "2",
    µ: "u",
    "…": "...",
  };
  return text.replace(/[^\x20-\x7e]/gu, (character) => plain[character] ?? "?");
}
