/** Everything that reads bytes of strangers. `run` throws where a decoder is not total or not faithful. */
import { strict as assert } from "node:assert";
import { decodeCbor, encodeCbor } from "../../src/codec/cbor.ts";
import { checkEnvelope, parseEnvelope } from "../../src/codec/envelope.ts";
import { decodeMdpFrame, encodeMdpFrame } from "../../src/codec/mdp.ts";
import { decodePayload, payloadFormats } from "../../src/dialects/index.ts";
import { boardOfChannel, readFciMessage } from "../../src/fci/channel.ts";
import { judge } from "../../src/ingest/judge.ts";
import { decodeQuarantineRecord } from "../../src/ingest/quarantine-record.ts";
import { forEachEntry } from "../../src/ledger/bundle-entries.ts";
import { decodeEntry, encodeEntry } from "../../src/ledger/entry.ts";
import { explainProof } from "../../src/ledger/explain-proof.ts";
import type { Policy } from "../../src/ledger/policy.ts";
import { formatProofFile, parseProofFile } from "../../src/ledger/proof-file.ts";
import { decodeSeal, encodeSeal } from "../../src/ledger/seal.ts";
import { parseTilePath } from "../../src/ledger/tiles.ts";
import { encodeTombstone } from "../../src/ledger/tombstone.ts";
import { verifyCheckpoint } from "../../src/ledger/verify-proof.ts";
import { LineSplitter } from "../../src/lora/line-splitter.ts";
import { readRadioLine, sendLine } from "../../src/lora/radio-line.ts";
import { downlink, readEvent, subscriptions } from "../../src/lorawan/event.ts";
import { encodeMavlinkFrame, readMavlinkFrame } from "../../src/mavlink/frame.ts";
import { MavlinkSplitter } from "../../src/mavlink/frame-splitter.ts";
import { FrameStream } from "../../src/mdp/frame-stream.ts";
import { quarantineReasons, rejectReasons } from "../../src/rejects.ts";
import { portDialects } from "../../src/serial/port-dialects.ts";
import { PortSession } from "../../src/serial/port-session.ts";
import { blake2b256 } from "./envelopes.ts";
import { ReceiptLog } from "./receipts.ts";

export interface FuzzTarget {
  readonly name: string;
  readonly run: (bytes: Uint8Array) => void;
}

const nobody: Policy = { logs: new Map(), witnesses: new Map(), quorum: { kind: "none" }, seals: new Map() };

const receiptLog = new ReceiptLog(Array.from({ length: 20 }, (_, index) => Uint8Array.of(index)));
const receiptPolicy = `log ${receiptLog.vkeys[0]}\nquorum none\n`;
const receiptEntry = receiptLog.entries[17]!;
/** At this place no other size or index leads to the root. */
export const receipt = receiptLog.inclusion("ed25519", 17);

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: "what decodeCbor takes is encoded to the same bytes",
    run: (bytes) => {
      const decoded = decodeCbor(bytes);
      if (decoded.ok) assert.deepEqual(Buffer.from(encodeCbor(decoded.value)), Buffer.from(bytes));
    },
  },
  {
    name: "parseEnvelope refuses what decodeCbor refuses, for the same reason, and vouches for nobody",
    run: (bytes) => {
      const parsed = parseEnvelope(bytes);
      const decoded = decodeCbor(bytes);
      if (!decoded.ok) assert.equal(parsed.ok ? "accepted" : parsed.reject, decoded.reject);
      if (parsed.ok) checkEnvelope(parsed.value, { hash: blake2b256, verify: () => false });
    },
  },
  {
    name: "what decodeMdpFrame takes is encoded to an equal packet",
    run: (bytes) => {
      const decoded = decodeMdpFrame(bytes);
      if (!decoded.ok || decoded.value.packet.length > 1022) return;
      const again = decodeMdpFrame(encodeMdpFrame(decoded.value));
      assert.deepEqual(again.ok && Buffer.from(again.value.packet), Buffer.from(decoded.value.packet));
    },
  },
  {
    name: "the frame stream gives the same items for whole and for split input, and finds the frame that follows",
    run: (bytes) => {
      const whole = new FrameStream().push(bytes);
      const stream = new FrameStream();
      const split = Array.from(bytes, (byte) => stream.push(Uint8Array.of(byte))).flat();
      assert.deepEqual(split, whole);
      const frame = encodeMdpFrame({ type: 1, seq: 7, src: 0xa1, dst: 0xc0 });
      const last = stream.push(Buffer.concat([Uint8Array.of(0), frame])).at(-1);
      assert.equal(last?.kind === "frame" && last.packet.seq, 7);
    },
  },
  {
    name: "every payload format gives a sample or a reason, and every judgement is one of the two",
    run: (bytes) => {
      for (const format of payloadFormats) {
        const decoded = decodePayload(format, bytes);
        assert.ok(decoded.ok || decoded.reject in quarantineReasons);
        const claim = { format, deviceId: "fuzz", session: "", trusted: true };
        const judged = judge(bytes, claim, 0, { findDevice: () => undefined, hash: blake2b256, verify: () => true });
        assert.ok(!judged.ok && judged.reject in quarantineReasons);
      }
    },
  },
  {
    name: "whatever comes on a port, each message goes to a decoder that exists, and each answer is a frame or machine mode",
    run: (bytes) => {
      for (const dialects of [portDialects.auto, portDialects.json]) {
        const port = new PortSession("fuzz", dialects, true);
        for (const event of [...port.receive(bytes), ...port.receive(Uint8Array.of(0x0a, 0x00))]) {
          if (event.kind === "message") {
            decodePayload(event.message.format, event.message.payload);
            port.settled(event.ref, "kept");
          } else if (event.kind === "reject") assert.ok(event.reason in rejectReasons);
          else if (event.kind === "reply") assert.ok(decodeMdpFrame(event.wire).ok || event.wire.at(-1) === 0x0a);
        }
      }
    },
  },
  {
    name: "what a radio prints is a frame that can be sent again, a word of its firmware, or a reason",
    run: (bytes) => {
      for (const item of new LineSplitter(1_024).push(Buffer.concat([bytes, Uint8Array.of(0x0a)]))) {
        if (item.kind !== "line") continue;
        const line = readRadioLine(item.text);
        if (line.kind === "reject") assert.ok(line.reason in rejectReasons);
        if (line.kind === "frame") assert.equal(readRadioLine(sendLine(1, line.data)).kind, "sent");
      }
    },
  },
  {
    name: "whatever comes on a MAVLink link, frames are frames again, and the one behind the noise is found",
    run: (bytes) => {
      for (const chunks of [[bytes], Array.from(bytes, (byte) => Uint8Array.of(byte))]) {
        const splitter = new MavlinkSplitter();
        for (const item of [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()]) {
          if (item.kind === "broken") assert.ok(item.reason in rejectReasons);
          else assert.deepEqual(readMavlinkFrame(item.frame.wire, 0), { ok: true, value: item.frame });
        }
        const frame = encodeMavlinkFrame({ seq: 7, system: 1, component: 1, messageId: 0, payload: new Uint8Array(9) });
        const [last] = splitter.push(frame);
        assert.equal(last?.kind === "frame" && last.frame.seq, 7);
      }
    },
  },
  {
    name: "what a LoRaWAN server tells, under any topic, is an uplink of a device that can be answered, something else, or nothing",
    run: (bytes) => {
      const text = Buffer.from(bytes).toString("latin1");
      for (const kind of ["chirpstack", "ttn"] as const) {
        const event = subscriptions[kind].replaceAll("+", "a").replace(/#$|[^/]+$/, "up");
        for (const topic of [event, text.slice(0, 60)]) {
          const read = readEvent(kind, topic, bytes);
          if (!read.ok || read.value.kind !== "uplink") continue;
          const { device, receptions, data } = read.value;
          assert.match(device.devEui, /^[0-9a-f]{16}$/);
          assert.ok(receptions.length <= 64);
          JSON.parse(downlink(kind, device, { id: "1", port: 1, confirmed: true, data }));
        }
      }
    },
  },
  {
    name: "what a fungal interface says is of a board with a name that topics and channels can carry, or refused",
    run: (bytes) => {
      for (const sender of [undefined, "myco-fci"]) {
        const read = readFciMessage(bytes, sender);
        if (read.ok) assert.match(read.value.board, /^[A-Za-z0-9_-]{1,64}$/);
      }
      boardOfChannel(Buffer.from(bytes).toString("latin1"));
    },
  },
  {
    name: "as a file of an exported log it is read to its end or refused, and is no checkpoint to those who trust nobody",
    run: (bytes) => {
      let length = 0;
      const count = forEachEntry(bytes, (entry) => {
        length += 2 + entry.length;
      });
      assert.ok(count < 0 || length === bytes.length);
      const note = verifyCheckpoint(Buffer.from(bytes).toString("utf8"), nobody);
      assert.ok(!note.ok);
      parseTilePath(Buffer.from(bytes).toString("latin1"));
    },
  },
  {
    name: "what decodeEntry takes is encoded to the same bytes",
    run: (bytes) => {
      const decoded = decodeEntry(bytes);
      if (decoded.ok && decoded.value.kind !== "seal") {
        const { value } = decoded;
        const again = value.kind === "removed" ? encodeTombstone(value) : encodeEntry(value);
        assert.deepEqual(Buffer.from(again), Buffer.from(bytes));
      }
      const sealed = decodeSeal(bytes);
      if (sealed.ok) {
        const { seal, signature } = sealed.value;
        assert.deepEqual(Buffer.from(encodeSeal(seal, () => signature)), Buffer.from(bytes));
      }
      decodeQuarantineRecord(bytes);
    },
  },
  {
    name: "what parseProofFile takes is written to the same bytes, and proves nothing to those who trust nobody",
    run: (bytes) => {
      const parsed = parseProofFile(bytes);
      if (parsed.ok) assert.equal(formatProofFile(parsed.value), Buffer.from(bytes).toString("utf8"));
      assert.ok(!explainProof([bytes], "quorum none").valid);
      explainProof([new Uint8Array()], Buffer.from(bytes).toString("latin1"));
    },
  },
  {
    name: "of all bytes a COSE receipt is valid alone, and its entry beside it",
    run: (bytes) => {
      const is = (other: Uint8Array) => Buffer.compare(bytes, other) === 0;
      assert.equal(explainProof([bytes, receiptEntry], receiptPolicy).valid, is(receipt));
      assert.equal(explainProof([receipt, bytes], receiptPolicy).valid, is(receiptEntry));
    },
  },
];
