/**
 * A serial byte stream, taken apart: frames, the lines of text that firmware prints between them, and what is neither.
 * Frames end with 0x00 and text does not (wire-facts §4.1), so a frame may be glued to text, to noise, or to the rest
 * of an earlier frame; every place where a header could begin is tried before bytes are given up.
 */
import { mdp } from "../../protocol/spec.ts";
import { decodeMdpFrame, type FrameReject, type MdpPacket } from "../codec/mdp.ts";

export type StreamItem =
  /** `wire` is the frame as received, delimiter included, in memory of its own. */
  | { readonly kind: "frame"; readonly packet: MdpPacket; readonly wire: Uint8Array }
  | { readonly kind: "text"; readonly line: string }
  /** One run of bytes that is no frame and no text. */
  | { readonly kind: "broken"; readonly reason: FrameReject };

/**
 * Text without a line end is held for longer than a frame: the boards in the field print lines of 1.6 kB. Whether what is
 * held is still text is looked at in steps, so that the outcome does not depend on how the bytes were portioned.
 */
const maxLineBytes = 8192;
const lineStep = 512;
/** Bytes made to look like headers must not cost more than reading them. */
const maxAttempts = 32;
const delimiter = 0x00;
const lineFeed = Uint8Array.of(0x0a);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class FrameStream {
  /** What came since the last delimiter, without the lines that were dealt with. */
  #held: Uint8Array = new Uint8Array(0);
  #items: StreamItem[] = [];
  /** The broken run we are in has been counted; a delimiter or a line of text ends it. */
  #counted = false;

  /** Feed bytes in any portions: the items do not depend on where one ends and the next begins. */
  push(chunk: Uint8Array): StreamItem[] {
    let start = 0;
    for (let end = chunk.indexOf(delimiter); end !== -1; end = chunk.indexOf(delimiter, start)) {
      this.#hold(chunk.subarray(start, end));
      this.#delimit();
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
    const items = this.#items;
    this.#items = [];
    return items;
  }

  /** Take bytes without a delimiter, never holding more than the longest frame or line. */
  #hold(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; ) {
      const full = nextLimit(this.#held.length);
      const step = bytes.subarray(start, start + full - this.#held.length);
      start += step.length;
      this.#held = concat(this.#held, step);
      this.#held = this.#held.subarray(this.#takeLines(this.#held));
      if (this.#held.length === full) this.#shorten();
    }
  }

  /** A delimiter came: what is held ends in a frame, or is broken. Nothing held is an idle line. */
  #delimit(): void {
    const held = this.#held;
    this.#held = held.subarray(held.length);
    const at = frameStarts(held).find((start) => decodeMdpFrame(held.subarray(start)).ok);
    this.#giveUp(held.subarray(0, at ?? held.length));
    if (at !== undefined) this.#judge(concat(held.subarray(at), Uint8Array.of(delimiter)));
    this.#counted = false;
  }

  /** No frame is as long as what is held, so the first header in it, or a line that is too long, leads nowhere. */
  #shorten(): void {
    const held = this.#held;
    const header = headerAt(held, 0);
    if (header === -1 && held.length < maxLineBytes && isTextSoFar(held.subarray(lineEnd(held, 0) === 0 ? 1 : 0)))
      return;
    if (header > 1) {
      // What precedes a header may be given up without the frame that may begin there.
      this.#giveUp(held.subarray(0, header - 1));
      this.#held = held.slice(header - 1);
      return;
    }
    const text = header === -1 ? textOf(held.subarray(lineEnd(held, 0) === 0 ? 1 : 0)) : undefined;
    if (text === undefined) this.#break("FRAME_TOO_LONG");
    else this.#text(text);
    // The code byte and 0x5A of the next header may have come already.
    const line = Math.min(lineEnd(held, header + 2), held.length - 2);
    const next = header === -1 ? -1 : headerAt(held, header + 2);
    this.#held = held.slice(next === -1 ? line : Math.min(line, next - 1));
  }

  /** Account for bytes that lead up to a frame or a delimiter and hold no frame. */
  #giveUp(bytes: Uint8Array): void {
    const rest = bytes.subarray(this.#takeLines(concat(bytes, lineFeed)));
    if (rest.length === 0) return;
    this.#judge(rest.subarray(Math.max(0, headerAt(rest, 0) - 1)));
  }

  /**
   * Deal with the complete lines at the beginning, up to one in which a frame could begin. A line end may be the first
   * code byte of a frame, so the last one is left.
   * @returns how many bytes are dealt with
   */
  #takeLines(bytes: Uint8Array): number {
    let start = 0;
    for (;;) {
      const end = lineEnd(bytes, start);
      if (end === bytes.length) return Math.max(0, start - 1);
      const line = bytes.subarray(start, end);
      const text = textOf(line);
      if (text !== undefined) this.#text(text);
      else if (headerAt(line, 0) !== -1) return Math.max(0, start - 1);
      else this.#judge(line);
      start = end + 1;
    }
  }

  /** A frame may also have lost its delimiter, and still be whole. */
  #judge(bytes: Uint8Array): void {
    const decoded = decodeMdpFrame(bytes);
    if (!decoded.ok) {
      this.#break(decoded.reject);
      return;
    }
    this.#items.push({ kind: "frame", packet: decoded.value, wire: bytes.slice() });
    this.#counted = false;
  }

  #text(line: string): void {
    if (line.trim() === "") return;
    this.#items.push({ kind: "text", line });
    this.#counted = false;
  }

  #break(reason: FrameReject): void {
    if (!this.#counted) this.#items.push({ kind: "broken", reason });
    this.#counted = true;
  }
}

/** At once; else wherever a header begins, which is a COBS code and the magic: it holds no zero that COBS would hide. */
function frameStarts(bytes: Uint8Array): number[] {
  const starts = bytes.length > 0 ? [0] : [];
  for (let at = headerAt(bytes, 2); at !== -1 && starts.length < maxAttempts; at = headerAt(bytes, at + 1)) {
    starts.push(at - 1);
  }
  return starts;
}

/** Where the magic, 5A A1, is next. */
function headerAt(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0x5a, from); at !== -1; at = bytes.indexOf(0x5a, at + 1)) {
    if (bytes[at + 1] === 0xa1) return at;
  }
  return -1;
}

function lineEnd(bytes: Uint8Array, from: number): number {
  let end = from;
  while (end < bytes.length && bytes[end] !== 0x0a && bytes[end] !== 0x0d) end++;
  return end;
}

/** Lengths at which what is held is looked at: that of the longest frame, and from there on in steps. */
function nextLimit(length: number): number {
  return Math.max(mdp.maxFrameBytes, (Math.floor(length / lineStep) + 1) * lineStep);
}

/** As `textOf`, of text that goes on: its last character may be half there. */
function isTextSoFar(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (isControl(byte)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** UTF-8 without control characters other than tab and escape (coloured output), or undefined. No header is such text. */
function textOf(bytes: Uint8Array): string | undefined {
  for (const byte of bytes) if (isControl(byte)) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09 && byte !== 0x1b) || byte === 0x7f;
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
