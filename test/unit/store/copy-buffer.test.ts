import fc from "fast-check";
import { expect, test } from "vitest";
import { CopyBuffer } from "../../../gateway/store/copy-buffer.ts";

/** The payloads of the CopyData messages, one after the other. */
function unframe(messages: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let offset = 0; offset < messages.length; ) {
    expect(messages[offset]).toBe("d".charCodeAt(0));
    const length = messages.readInt32BE(offset + 1);
    payloads.push(messages.subarray(offset + 5, offset + 1 + length));
    offset += 1 + length;
    expect(offset).toBeLessThanOrEqual(messages.length);
  }
  return payloads;
}

test("batches of any size are whole CopyData messages that join to one COPY stream, and the buffer can be used again", () => {
  const out = new CopyBuffer();
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 90_000 }), { maxLength: 40 }), (sizes) => {
      out.start();
      for (const [index, size] of sizes.entries()) {
        out.row(1, 4 + size);
        out.bytesField(Buffer.alloc(size, index));
      }
      const stream = Buffer.concat(unframe(out.finish()));
      expect(stream.subarray(0, 11).toString("latin1")).toBe("PGCOPY\n\xff\r\n\0");
      let offset = 19;
      for (const [index, size] of sizes.entries()) {
        expect(stream.readInt16BE(offset)).toBe(1);
        expect(stream.readInt32BE(offset + 2)).toBe(size);
        expect(stream.subarray(offset + 6, offset + 6 + size).equals(Buffer.alloc(size, index))).toBe(true);
        offset += 6 + size;
      }
      expect(stream.subarray(offset).toString("hex")).toBe("ffff");
    }),
  );
});

test("text is UTF-8 without U+0000, whatever the string", () => {
  const out = new CopyBuffer();
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      out.start();
      out.row(1, 4 + 3 * text.length);
      out.textField(text);
      const stream = Buffer.concat(unframe(out.finish()));
      const length = stream.readInt32BE(21);
      expect(stream.subarray(25, 25 + length).toString("utf8")).toBe(
        Buffer.from(text.replaceAll("\0", "\ufffd")).toString("utf8"),
      );
      expect(stream.length).toBe(25 + length + 2);
    }),
  );
});

test("whole numbers over all of the safe range are eight bytes, big end first", () => {
  const out = new CopyBuffer();
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      out.start();
      out.row(1, 12);
      out.int64Field(value);
      const stream = Buffer.concat(unframe(out.finish()));
      expect(stream.readBigInt64BE(25)).toBe(BigInt(value));
    }),
  );
});
