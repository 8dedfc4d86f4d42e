/** Receipts, checkpoints and commands, as the gateway makes them and as nobody should, through the C library. */
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { signCheckpoint } from "../../src/ledger/checkpoint.ts";
import { ed25519Signer } from "../../src/ledger/ed25519-line.ts";
import { answers, buildFolder, buildProgram } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

/** firmware-shim/include/myco/status.h */
const status = {
  OK: 0,
  ARG: -1,
  NOT_WELL_FORMED: -10,
  NOT_DETERMINISTIC: -11,
  SCHEMA: -12,
  SIGNATURE: -14,
  NOT_FOUND: -41,
  OTHER_DEVICE: -60,
  OTHER_LOG: -61,
  REPEATED: -64,
  EXPIRED: -65,
};

interface ReceiptVector {
  readonly name: string;
  readonly publicKey: string;
  readonly device: string;
  readonly seq: number | string;
  readonly msgId: string;
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly treeSize: number;
  readonly receipt: string;
}

const receipts: {
  readonly accepted: readonly ReceiptVector[];
  readonly rejected: readonly { name: string; reject: string; publicKey: string; receipt: string }[];
} = JSON.parse(readFileSync(new URL("../../protocol/vectors/golden-receipts.json", import.meta.url), "utf8"));

const hex = (data: string | Uint8Array): string => Buffer.from(data as string).toString("hex");

describe.each(["gcc", "clang"] as const)("%s", (compiler) => {
  needs(compiler, "sodium.h")("the C library reads what the gateway sends", () => {
    const program = buildProgram(buildFolder(), "gateway-driver", ["-lsodium"], compiler);
    const ask = (lines: readonly string[]): string[] => answers(program, lines);
    const statuses = (lines: readonly string[]): number[] => ask(lines).map((line) => Number.parseInt(line, 10));

    describe("receipts", () => {
      test("every vector is accepted with what it says", () => {
        const read = ask(
          receipts.accepted.map(({ publicKey, device, receipt }) => `receipt ${publicKey} ${hex(device)} ${receipt}`),
        );
        expect(read).toEqual(
          receipts.accepted.map(({ seq, msgId, leafIndex, leafHash, treeSize }) =>
            [status.OK, seq, msgId, leafIndex, leafHash, treeSize].join(" "),
          ),
        );
      });

      test("every vector that must be refused is, and a forgery is told from a mistake", () => {
        const device = hex("golden-01");
        const read = statuses(
          receipts.rejected.map(({ publicKey, receipt }) => `receipt ${publicKey} ${device} ${receipt || "-"}`),
        );
        const malformed = [status.NOT_WELL_FORMED, status.NOT_DETERMINISTIC, status.SCHEMA, status.OTHER_DEVICE];
        for (const [at, { name, reject }] of receipts.rejected.entries()) {
          const allowed = reject === "RECEIPT_MALFORMED" ? malformed : [status.SIGNATURE];
          expect(allowed, name).toContain(read[at]);
        }
      });

      test("a receipt for another device, and one for an id that begins alike, frees nothing here", () => {
        const { publicKey, receipt, device } = receipts.accepted[0]!;
        const others = [`${device}1`, device.slice(0, -1), device.toUpperCase()];
        expect(statuses(others.map((other) => `receipt ${publicKey} ${hex(other)} ${receipt}`))).toEqual(
          others.map(() => status.OTHER_DEVICE),
        );
      });

      test("no flipped bit goes unnoticed", () => {
        const { publicKey, device, receipt } = receipts.accepted[0]!;
        const bytes = Buffer.from(receipt, "hex");
        const flipped = Array.from({ length: bytes.length * 8 }, (_, bit) => {
          const copy = Buffer.from(bytes);
          copy[bit >> 3]! ^= 1 << (bit & 7);
          return copy;
        });
        const read = statuses(flipped.map((copy) => `receipt ${publicKey} ${hex(device)} ${hex(copy)}`));
        expect(read.filter((each) => each === status.OK)).toEqual([]);
      });

      test("any bytes give a status", () => {
        const { publicKey, device, receipt } = receipts.accepted[0]!;
        const genuine = Buffer.from(receipt, "hex");
        const arbBytes = fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 260 }),
          fc.tuple(fc.nat(genuine.length), fc.uint8Array({ maxLength: 40 })).map(([at, rest]) => {
            return Buffer.concat([genuine.subarray(0, at), rest, genuine.subarray(at + rest.length)]);
          }),
        );
        fc.assert(
          fc.property(fc.array(arbBytes, { minLength: 100, maxLength: 100 }), (all) => {
            const read = statuses(all.map((bytes) => `receipt ${publicKey} ${hex(device)} ${hex(bytes) || "-"}`));
            all.forEach((bytes, at) => {
              expect(read[at] === status.OK).toBe(Buffer.compare(Buffer.from(bytes), genuine) === 0);
            });
          }),
          { numRuns: 10, endOnFailure: true },
        );
      });
    });

    describe("checkpoints", () => {
      const origin = "gw-1.example/ledger";
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      const key = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url").toString("hex");
      const stranger = ed25519Signer("other.example", generateKeyPairSync("ed25519").privateKey);
      const sign = (size: number, root = new Uint8Array(32).fill(size), name = origin): Promise<string> =>
        signCheckpoint({ origin: name, size, root }, [stranger, ed25519Signer(name, privateKey)]);
      const read = (notes: readonly string[], name = origin): string[] =>
        ask(notes.map((note) => `checkpoint ${key} ${hex(name)} ${hex(note) || "-"}`));

      test("what the gateway signs is read, among the lines of others", async () => {
        const sizes = [0, 1, 255, 70_000, Number.MAX_SAFE_INTEGER];
        const notes = await Promise.all(sizes.map((size) => sign(size)));
        const rootOf = (size: number): string => hex(new Uint8Array(32).fill(size));
        expect(read(notes)).toEqual(sizes.map((size) => `0 ${size} ${rootOf(size)}`));
        const longer = notes[3]!.replace("\n\n", `\n\n— quantum.example ${"A".repeat(3240)}\n— ${origin} AAAA\n`);
        expect(read([longer])).toEqual([`0 70000 ${rootOf(70_000)}`]);
      });

      test("what is not signed so, or is another log's, is refused", async () => {
        const note = await sign(7);
        const cases: readonly (readonly [number, string])[] = [
          [status.OTHER_LOG, await sign(7, undefined, `${origin}/2`)],
          [status.OTHER_LOG, await sign(7, undefined, origin.slice(0, -1))],
          [status.SIGNATURE, note.replace("\n7\n", "\n8\n")],
          [status.SIGNATURE, note.split("\n").slice(0, 5).join("\n").concat("\n")],
          [status.SIGNATURE, note.replace("7\n", "7\n").replace("\n\n", "\nan extension line\n\n")],
          [status.NOT_WELL_FORMED, note.replace("\n7\n", "\n07\n")],
          [status.NOT_WELL_FORMED, note.replace("\n7\n", "\n-7\n")],
          [status.NOT_WELL_FORMED, note.replace("\n7\n", "\n\n")],
          [status.NOT_WELL_FORMED, note.replace("\n7\n", `\n${"9".repeat(20)}\n`)],
          [status.NOT_WELL_FORMED, note.replace("=\n\n", "\n\n")],
          [status.NOT_WELL_FORMED, note.replace("Bwc=\n", "Bwd=\n")],
          [status.NOT_WELL_FORMED, note.replaceAll("— ", "- ")],
          [status.NOT_WELL_FORMED, note.slice(0, -1)],
          [status.NOT_WELL_FORMED, note.replaceAll("\n", "")],
          [status.NOT_WELL_FORMED, ""],
        ];
        const answered = read(cases.map(([, changed]) => changed));
        expect(answered.map((line) => Number.parseInt(line, 10))).toEqual(cases.map(([expected]) => expected));
      });

      test("any cut and any flipped byte is refused", async () => {
        const note = Buffer.from(await sign(7));
        const own = note.lastIndexOf("—");
        const damaged = Array.from(note.keys()).flatMap((at) => {
          const flipped = Buffer.from(note);
          flipped[at]! ^= 0x01;
          return [note.subarray(0, at), flipped];
        });
        const answered = ask(damaged.map((bytes) => `checkpoint ${key} ${hex(origin)} ${hex(bytes) || "-"}`));
        const accepted = damaged.filter((_, at) => answered[at]!.startsWith("0 "));
        // What others signed, and the hint in our own line, do not count.
        const keyIdEnd = own + Buffer.byteLength(`— ${origin} `) + 6;
        for (const bytes of accepted) {
          const at = bytes.findIndex((byte, place) => byte !== note[place]);
          expect(at).toBeGreaterThan(note.indexOf("\n\n"));
          expect(at).toBeLessThan(keyIdEnd);
        }
      });
    });

    describe("commands", () => {
      const command = (json: string): string => `command ${hex(json) || "-"}`;

      test("the gateway's commands are read as they stand", () => {
        const id = "6f0c3f1e-7f0f-4f4e-9d0b-0c7e1c2b8f11";
        const expires = 1_760_000_000_000;
        const sent = JSON.stringify({ id, cmd: "output_control", params: { id: "mosfet1", value: 1 }, expires });
        expect(ask([command(sent), command('{"cmd":"hello","params":{}}   ')])).toEqual([
          `0 ${hex(`"${id}"`)} ${hex('"output_control"')} ${hex('{"id":"mosfet1","value":1}')} ${expires}`,
          `0 - ${hex('"hello"')} ${hex("{}")} 0`,
        ]);
      });

      test("what is no command is refused, and why", () => {
        const cases: readonly (readonly [number, string])[] = [
          [status.NOT_WELL_FORMED, ""],
          [status.NOT_WELL_FORMED, "{"],
          [status.NOT_WELL_FORMED, "[]"],
          [status.NOT_WELL_FORMED, '{"cmd":"a"'],
          [status.NOT_WELL_FORMED, '{"cmd":"a"}x'],
          [status.NOT_WELL_FORMED, '{"cmd":"a",}'],
          [status.NOT_WELL_FORMED, '{"cmd" "a"}'],
          [status.NOT_WELL_FORMED, '{"cmd":"a\n"}'],
          [status.NOT_WELL_FORMED, '{"cmd":"\\x"}'],
          [status.NOT_WELL_FORMED, '{"cmd":"\\u12g4"}'],
          [status.NOT_WELL_FORMED, '{"cmd":"a","params":{"a":[1,2}}'],
          [status.NOT_WELL_FORMED, '{"cmd":"a","params":{"a":[1,]}}'],
          [status.NOT_WELL_FORMED, `{"cmd":"a","params":${'{"a":'.repeat(32)}1${"}".repeat(32)}}`],
          [status.SCHEMA, "{}"],
          [status.SCHEMA, '{"cmd":7}'],
          [status.SCHEMA, '{"cmd":"a","id":{}}'],
          [status.SCHEMA, '{"cmd":"a","id":null}'],
          [status.SCHEMA, `{"cmd":"a","id":"${"x".repeat(39)}"}`],
          [status.SCHEMA, '{"cmd":"a","params":[]}'],
          [status.SCHEMA, '{"cmd":"a","expires":"soon"}'],
          [status.SCHEMA, '{"cmd":"a","expires":1.5}'],
          [status.SCHEMA, '{"cmd":"a","expires":1234567890123456789}'],
          [status.OK, `{"cmd":"a","params":${'{"a":'.repeat(31)}1${"}".repeat(31)}}`],
          [status.OK, `{"cmd":"a","id":"${"x".repeat(38)}"}`],
        ];
        expect(statuses(cases.map(([, json]) => command(json)))).toEqual(cases.map(([expected]) => expected));
      });

      test("members of any JSON are found as JavaScript finds them", () => {
        const json = fc.dictionary(fc.constantFrom("a", "b", "key", ""), fc.jsonValue({ maxDepth: 5 }), { minKeys: 1 });
        fc.assert(
          fc.property(fc.array(fc.tuple(json, fc.nat(2)), { minLength: 50, maxLength: 50 }), (all) => {
            const texts = all.map(([value, spaces]) => JSON.stringify(value, undefined, spaces));
            const found = ask(texts.map((text) => `member ${hex("key")} ${hex(text)}`));
            all.forEach(([value], at) => {
              const [code, token = ""] = found[at]!.split(" ");
              if (!("key" in value)) expect(code).toBe(String(status.NOT_FOUND));
              else
                expect(JSON.parse(Buffer.from(token, "hex").toString())).toEqual(JSON.parse(JSON.stringify(value)).key);
            });
          }),
          { numRuns: 20, endOnFailure: true },
        );
      });

      test("what JavaScript cannot read as an object, the library refuses, numbers and words aside", () => {
        const piece = fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          '"',
          '"cmd"',
          '"a"',
          "\\",
          " ",
          "\\u00e9",
          "\n",
          '{"key":',
          "{}",
        );
        fc.assert(
          fc.property(fc.array(fc.array(piece, { maxLength: 12 }), { minLength: 200, maxLength: 200 }), (all) => {
            const texts = all.map((pieces) => `{"key":${pieces.join("")}}`);
            const found = statuses(texts.map((text) => `member ${hex("key")} ${hex(text)}`));
            expect(found.map((code, at) => [texts[at], code === status.OK])).toEqual(
              texts.map((text) => [text, isJson(text)]),
            );
          }),
          { numRuns: 20, endOnFailure: true },
        );
      });

      test("integers are exact or refused, also at their ends", () => {
        const values = [
          "0",
          "-1",
          "999999999999999999",
          "-999999999999999999",
          "1000000000000000000",
          "1.0",
          "1e3",
          '"1"',
          "true",
        ];
        const found = ask(values.map((value) => `member ${hex("n")} ${hex(`{"n":${value}}`)}`));
        expect(found.map((line) => line.split(" ").slice(2).join(" "))).toEqual([
          "0 0",
          "0 -1",
          "0 999999999999999999",
          "0 -999999999999999999",
          ...new Array(5).fill(`${status.SCHEMA} 0`),
        ]);
      });

      test("a command runs once, whichever ways it comes by, and its answer can be given again", () => {
        const at = (cmd: string, id?: string | number, expires?: number): string =>
          hex(JSON.stringify({ id, cmd, expires }));
        const lines: readonly (readonly [string, string])[] = [
          [`accept 1000 ${at("reboot", "c-1")}`, "0 -2"],
          [`accept 1001 ${at("reboot", "c-1")}`, `${status.REPEATED} -1`],
          [
            `answer 1 ${hex("done")} ${at("reboot", "c-1")}`,
            `0 ${hex('{"id":"c-1","success":true,"message":"done"}')}`,
          ],
          [`accept 1002 ${at("reboot", "c-1")}`, `${status.REPEATED} 1`],
          [`accept 1000 ${at("led", 7, 999)}`, `${status.EXPIRED} -2`],
          [`accept 999 ${at("led", 7, 999)}`, "0 -2"],
          [`answer 0 ${hex("busy")} ${at("led", 7)}`, `0 ${hex('{"id":7,"success":false,"message":"busy"}')}`],
          [`accept 1000 ${at("led", 7, 999)}`, `${status.REPEATED} 0`],
          [`accept 0 ${at("led", 8, 999)}`, "0 -2"],
          [`accept 0 ${at("hello")}`, "0 -2"],
          [`accept 0 ${at("hello")}`, "0 -2"],
          [`answer 1 ${hex("hi")} ${at("hello")}`, `0 ${hex('{"success":true,"message":"hi"}')}`],
          [`answer 1 ${hex('a "quote"')} ${at("hello")}`, `${status.ARG} `],
          ...Array.from({ length: 8 }, (_, n) => [`accept 0 ${at("x", `other-${n}`)}`, "0 -2"] as const),
          [`accept 0 ${at("reboot", "c-1")}`, "0 -2"],
        ];
        expect(ask(lines.map(([line]) => line))).toEqual(lines.map(([, answer]) => answer));
      });
    });
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
