import { anchorLinks, parseChained } from "../../src/codec/chained.ts";
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
    const { format, payload, deviceId, source } = entry.value;
    const { repeat, links } = rememberedOf(format, payload);
    chains.remember(entry.value, links);
    if (!repeat || repeat.by === "nothing") return;
    // A source with an address, such as a port, has sessions, and this restart has ended them.
    if (repeat.by === "content" && source.includes(":")) return;
    fingerprintInto(words, 0, deviceId, repeat, payload);
    dedupe.add(words, 0, firstLeaf + index);
  });
}

interface Remembered {
  readonly repeat: RepeatKey | undefined;
  /** To chained messages. */
  readonly links: readonly Uint8Array[];
}

const nothing: Remembered = { repeat: undefined, links: [] };

/** Parsed once: a start does this for as many entries as the window holds. */
function rememberedOf(format: PayloadFormat, payload: Uint8Array): Remembered {
  if (format === "envelope") {
    const envelope = parseEnvelope(payload);
    if (!envelope.ok) return nothing;
    return { repeat: envelopeRepeatKey(envelope.value), links: anchorLinks(envelope.value.metadata) };
  }
  if (format === "envelope-chained") {
    const message = parseChained(payload);
    if (!message.ok) return nothing;
    const { seq, links } = message.value;
    return { repeat: envelopeRepeatKey({ seq, msgId: linkTo(payload) }), links };
  }
  const sample = decodePayload(format, payload);
  return sample.ok ? { repeat: sampleRepeatKey(sample.value, ""), links: [] } : nothing;
}
