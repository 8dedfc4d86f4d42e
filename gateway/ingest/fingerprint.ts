import sodium from "sodium-native";
import { fingerprintWords } from "../../src/ingest/dedupe-window.ts";
import type { RepeatKey } from "../../src/ingest/repeat-key.ts";
import { asBuffer } from "../as-buffer.ts";

const scratch = Buffer.alloc(1024);
const digest = Buffer.alloc(16);

/**
 * Write the fingerprint of one message: 64 bits that name it, 64 bits of its bytes. A message that can never be told
 * from a second measurement gets zeros, which the window never looks up.
 * @param at index of the first word
 */
export function fingerprintInto(
  words: Uint32Array,
  at: number,
  deviceId: string,
  repeat: RepeatKey,
  payload: Uint8Array,
): void {
  if (repeat.by === "nothing") {
    words.fill(0, at, at + fingerprintWords);
    return;
  }
  sodium.crypto_generichash(digest, asBuffer(payload));
  words[at + 2] = digest.readUInt32LE(0);
  words[at + 3] = digest.readUInt32LE(4);
  let used = scratch.write(`${repeat.by}\n${deviceId}\n`, "utf8");
  if (repeat.by === "content") {
    used += scratch.write(repeat.session.slice(0, 256), used, "utf8");
    used += digest.copy(scratch, used);
  } else {
    used += scratch.write(`${repeat.seq}\n`, used, "latin1");
    if (typeof repeat.msgId === "string") used += scratch.write(repeat.msgId, used, "utf8");
    else {
      scratch.set(repeat.msgId, used);
      used += repeat.msgId.length;
    }
  }
  sodium.crypto_generichash(digest, scratch.subarray(0, used));
  words[at] = digest.readUInt32LE(0);
  words[at + 1] = digest.readUInt32LE(4);
}
