import { parseChained } from "../../src/codec/chained.ts";
import { parseEnvelope } from "../../src/codec/envelope.ts";
import { decodePayload, type PayloadFormat } from "../../src/dialects/index.ts";
import { type DedupeWindow, fingerprintWords } from "../../src/ingest/dedupe-window.ts";
import { envelopeRepeatKey, type RepeatKey, sampleRepeatKey } from "../../src/ingest/repeat-key.ts";
import { decodeEntry } from "../../src/ledger/entry.ts";
import { forEachEntry } from "../journal/frame.ts";
import type { JournalFrame } from "../journal/journal-reader.ts";
import { type ChainDesk, linkTo } from "./chain-desk.ts";
import { fingerprintInto } from "./fingerprint.ts";

/**
 * Fill the window and the book of chains from journal frames in ascending order: what was acknowledged before a restart
 * is known after it.
 */
export function rememberFrame(dedupe: DedupeWindow, chains: ChainDesk, { firstLeaf, bundle }: JournalFrame): void {
  const words = new Uint32Array(fingerprintWords);
  forEachEntry(bundle, (bytes, index) => {
    const entry = decodeEntry(bytes);
    if (!entry.ok || entry.value.kind !== "reading") return;
    chains.remember(entry.value);
    const { format, payload, deviceId, source } = entry.value;
    const repeat = repeatKeyOf(format, payload);
    if (!repeat || repeat.by === "nothing") return;
    // A source with an address, such as a port, has sessions, and this restart has ended them.
    if (repeat.by === "content" && source.includes(":")) return;
    fingerprintInto(words, 0, deviceId, repeat, payload);
    dedupe.add(words, 0, firstLeaf + index);
  });
}

function repeatKeyOf(format: PayloadFormat, payload: Uint8Array): RepeatKey | undefined {
  if (format === "envelope") {
    const envelope = parseEnvelope(payload);
    return envelope.ok ? envelopeRepeatKey(envelope.value) : undefined;
  }
  if (format === "envelope-chained") {
    const message = parseChained(payload);
    return message.ok ? envelopeRepeatKey({ seq: message.value.seq, msgId: linkTo(payload) }) : undefined;
  }
  const sample = decodePayload(format, payload);
  return sample.ok ? sampleRepeatKey(sample.value, "") : undefined;
}
