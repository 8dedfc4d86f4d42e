/** docs/reference/protocol.md, from spec.ts. */
import {
  type CodeEntry,
  chained,
  envelope,
  type LayoutField,
  type MapField,
  mdp,
  ourCodes,
  quality,
  radioLink,
  receipt,
  type SensorEntry,
  sensors,
  transportCodes,
  units,
} from "./spec.ts";

/** @param specHash names the state of the tables, see spec-text.ts */
export function referencePage(specHash: string): string {
  return `<!-- Generated from protocol/spec.ts; do not edit. \`npm run generate\` writes it, CI compares it. -->
# The wire

What devices and gateway say to each other. Rows marked **ours** are what this project adds to what devices already
spoke. State of the tables: \`${specHash.slice(0, 32)}\`; the C header \`myco/protocol.h\` carries the same as \`MYCO_SPEC_HASH\`.
Vectors to check an implementation against lie in \`protocol/vectors/\`.

## MycoEnvelope v1

${envelope.doc}
At most ${envelope.maxBytes} bytes. All keys but the optional ones are present, no others are.

${fields(envelope.fields)}

Position, key ${envelope.fields.geo.key}:

${fields(envelope.geo)}

Each reading in key ${envelope.fields.readings.key}, of which there are at most ${envelope.fields.readings.max}:

${fields(envelope.reading)}

### Encoding, hash, signature

- Definite lengths, map keys in ascending order, every integer in its shortest form, no floats, no tags, nothing after the map.
- U is the map without keys ${envelope.fields.hash.key} and ${envelope.fields.signature.key}: the message up to key ${envelope.fields.hash.key}, its first byte reduced by 2.
- The hash is BLAKE2b-256 of U: a 32-byte digest, unkeyed, not a truncated BLAKE2b-512.
- The signature is plain Ed25519 (RFC 8032) over \`${envelope.signaturePrefix}\` followed by the hash, ${envelope.signaturePrefix.length + envelope.fields.hash.bytes} bytes.
- A receiver checks the bytes it received; it never encodes a message again to check it.

### Quality

${codes(quality)}

### Transports

${codes(transportCodes)}

### Sensors

Numbers from ${hex(ourCodes.first)} to ${hex(ourCodes.last)} are ours: the field's tables count up from 1, so they would have to assign
${ourCodes.first - 1} codes to collide. Other numbers and texts are legal; they have no meaning here and are shown as sent. The
unit is the usual one; the unit in a reading is what counts.

${sensorTable(sensors)}

### Units

0 and other numbers are legal and have no meaning here.

${codes(units)}

## Chained message (ours)

${chained.doc}
At most ${chained.maxBytes} bytes. It has the keys ${envelope.fields.version.key} to ${envelope.fields.metadata.key} of an envelope, in the same ranges, with two changes:

${fields(chained.fields)}

- Its message id is the first ${chained.linkBytes} bytes of the BLAKE2b-256 of the whole message, which are also the link to it. It is not sent.
- An *anchor* is a signed MycoEnvelope v1 whose metadata have the key ${chained.anchorKey}: a byte string of links, one to ${chained.maxLinks}. It is an envelope
  like any other to whoever does not know of chains.
- A signature that verifies proves the anchor, the messages that its links lead to, and those that their links lead to, and so on.
  A device links each message and each anchor to its last few *chained* messages, whether or not an anchor came between; how many
  is its choice, and so many frames in a row, less one, can be lost before the chain breaks.
- It signs at least every ${chained.maxSpan + 1}th message.
- Off unless the gateway's operator allows it for the device (\`mycogate device set ID --sparse on\`): else the answer is \`UNSIGNED\`,
  upon which a device signs everything. \`SIGNATURE_PENDING\` means that the message is kept and not believed yet: no reason to
  send it again before the next anchor has its receipt. Sent again after that, it gets a receipt of its own.

## Signed receipt (ours)

${receipt.doc}
At most ${receipt.maxBytes} bytes, so that it fits one LoRa packet as an MDP frame. It answers an envelope in CBOR that is stored, or
was stored before; what is refused gets JSON (first byte \`{\`, ${hex(mdp.receiptBody.refusalFirstByte)}). Payload, an array of exactly these:

${fields(receipt.fields, "Place")}

- On the wire: \`${hexBytes(receipt.head)}\`, the length of the payload (one byte), the payload, \`${hexBytes(receipt.signatureHead)}\`, the signature.
- The signature is Ed25519 over \`${hexBytes(receipt.signedHead)}\`, the length, the payload: the Sig_structure
  \`["Signature1", h'a10132', h'', payload]\` of RFC 9052 §4.4. The key has the role \`receipt\` in \`mycogate key show\`.
- A device checks the signature, and that device, seq and message id are those of what it sent. Then it may forget its copy.
- Over MQTT it is the body of \`{prefix}/{id}/ack\`; over MDP the body of the ACK frame (flag IS_ACK) that answers the
  TELEMETRY frame, and a refusal is a frame with flag IS_NACK and the body \`{"success":false,"message":reason}\`.

## MDP v1

${mdp.doc}

- CRC-16/CCITT-FALSE over the packet: polynomial ${hex(mdp.crc.polynomial)}, initial value ${hex(mdp.crc.initial)}, no reflection, no final xor; "123456789" gives ${hex(mdp.crc.check)}.
- A packet is at most ${mdp.maxPacketBytes} bytes, an encoded frame with its delimiter at most ${mdp.maxFrameBytes}.
- COBS closes a block as soon as it holds 254 bytes that are not zero; data that ends there may or may not be followed by
  an empty block (0x01). A last block shorter than its code promises is refused.

### Header

${layout(mdp.header)}

### Flags

${codes(mdp.flags)}

### Endpoints

${codes(mdp.endpoints)}

### Message types

Unknown types are kept, they are no framing error.

${codes(mdp.types)}

### TELEMETRY that carries an envelope (ours)

A TELEMETRY body whose first byte lies in ${hex(mdp.envelopeBody.firstByteMin)}–${hex(mdp.envelopeBody.firstByteMax)} is one MycoEnvelope v1 in CBOR, all of the body. JSON bodies begin
with \`{\`, 0x7B. The signature in the envelope counts; source address and port say nothing about who sent it.

### Bodies of generation A

COMMAND:

${layout(mdp.command)}

EVENT that answers a COMMAND:

${layout(mdp.result)}

### Bodies of generation B

One JSON object of at most ${mdp.maxJsonBytes} bytes.

${table(
  ["Type", "Body"],
  Object.entries(mdp.jsonBodies).map(([name, body]) => [name.toUpperCase(), `\`${body}\``]),
)}

Side-A 2.1.0 takes the bytes ${mdp.forbiddenToSideA.map(hex).join(" and ")} as the end of a text line: a frame to it must not contain them once
encoded. Another \`seq\`, or spaces in the JSON, give another encoding.

## Raw-frame link of a LoRa gateway (ours)

${radioLink.doc} A packet has at most ${radioLink.maxPacketBytes} bytes: an MDP frame, with or without its final 0x00, or a bare MycoEnvelope.

${table(
  ["Line", "Form"],
  Object.entries(radioLink.lines).map(([name, form]) => [name, `\`${form}\``]),
)}
`;
}

function fields(map: Record<string, MapField>, key = "Key"): string {
  return table(
    [key, "Name", "Type", "Range", ""],
    Object.entries(map).map(([name, field]) => [
      String(field.key),
      `${name}${field.optional ? " (optional)" : ""}`,
      field.type === "code" ? "uint or text" : field.type,
      range(field),
      field.unit ? `${field.doc} Unit: ${field.unit}.` : field.doc,
    ]),
  );
}

function range({ type, min, max, bytes, maxBytes }: MapField): string {
  if (type === "array") return `up to ${max} items`;
  const parts: string[] = [];
  if (max !== undefined) parts.push(min === max ? String(max) : `${min ?? 0} … ${max}`);
  if (bytes !== undefined) parts.push(`${bytes} bytes`);
  if (maxBytes !== undefined) parts.push(`1 … ${maxBytes} bytes`);
  return parts.join(", or ");
}

function sensorTable(entries: Record<string, SensorEntry>): string {
  return table(
    ["Code", "Name", "Unit", "", ""],
    Object.entries(entries).map(([name, { code, unit, doc, ours }]) => [
      hex(code),
      `\`${name}\``,
      unit,
      doc,
      ours ? "ours" : "",
    ]),
  );
}

function codes(entries: Record<string, CodeEntry>): string {
  return table(
    ["Code", "Name", "", ""],
    Object.entries(entries).map(([name, { code, doc, ours }]) => [hex(code), `\`${name}\``, doc, ours ? "ours" : ""]),
  );
}

function layout(entries: Record<string, LayoutField>): string {
  return table(
    ["Offset", "Name", "Type", "Value", ""],
    Object.entries(entries).map(([name, { at, type, value, doc }]) => [
      String(at),
      name,
      type,
      value === undefined ? "" : hex(value),
      doc,
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function hexBytes(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(2, "0")}`;
}
