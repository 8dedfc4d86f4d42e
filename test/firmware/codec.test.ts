/** The same vectors and the same random messages through the C library and the TypeScript codec, in both directions. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkEnvelope, type EnvelopeFields, parseEnvelope } from "../../src/codec/envelope.ts";
import { decodeMdpFrame, encodeMdpFrame } from "../../src/codec/mdp.ts";
import { envelopeVectors, fieldsOf, parsed, statusOf, vectors } from "../support/codec-vectors.ts";
import { signedEnvelope, sodiumCrypto, type TestDevice, testDevice } from "../support/envelopes.ts";
import { answers, buildFolder, buildProgram } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

const argumentStatus = -1;

interface FrameVector {
  readonly name: string;
  readonly frame: string;
}

const fieldFrames = vectors<(FrameVector & { packet: string })[]>("mdp-frames");
const goldenFrames = vectors<{ accepted: FrameVector[]; rejected: (FrameVector & { reject: string })[] }>("golden-mdp");

describe.each(["gcc", "clang"] as const)("%s", (compiler) => {
  needs(compiler, "sodium.h")("the C codec", () => agrees(compiler));
});

function agrees(compiler: "gcc" | "clang"): void {
  const program = buildProgram(buildFolder(), "codec-driver", ["-lsodium"], compiler);
  const ask = (lines: readonly string[]): string[] => answers(program, lines);

  describe("envelopes", () => {
    const { accepted, rejected } = envelopeVectors;

    test("every vector is built byte by byte", () => {
      const built = ask(accepted.map(({ cbor, seed }) => `build ${seed} ${fieldsOf(parsed(cbor))}`));
      expect(built).toEqual(accepted.map(({ cbor }) => `0 ${cbor}`));
    });

    test("every vector verifies and reads as the gateway reads it", () => {
      const read = ask(accepted.map(({ cbor, publicKey }) => `verify ${publicKey} ${cbor}`));
      expect(read).toEqual(accepted.map(({ cbor }) => `0 ${fieldsOf(parsed(cbor))}`));
    });

    test("every vector that must be refused is, for the same reason", () => {
      const read = ask(rejected.map(({ cbor, publicKey }) => `verify ${publicKey} ${cbor}`));
      expect(read.map((answer, at) => [rejected[at]!.name, Number(answer)])).toEqual(
        rejected.map(({ name, reject }) => [name, statusOf[reject]]),
      );
    });

    test("a position that promises fewer keys than follow is refused, by each codec for what it meets first", () => {
      const { cbor, publicKey } = envelopeVectors.accepted.find(({ cbor }) => cbor.includes("07a300"))!;
      for (const promised of ["07a100", "07a000"]) {
        const message = cbor.replace("07a300", promised);
        expect(parseEnvelope(Buffer.from(message, "hex"))).toMatchObject({ reject: "NOT_WELL_FORMED" });
        expect(ask([`verify ${publicKey} ${message}`])).toEqual([`${statusOf.NOT_DETERMINISTIC} `]);
      }
    });

    test("what C builds, the gateway verifies; what the gateway builds, C verifies", () => {
      const device = testDevice("c-and-ts");
      fc.assert(
        fc.property(fc.array(arbFields, { minLength: 20, maxLength: 20 }), (all) => {
          const messages = all.map((fields) => Buffer.from(signedEnvelope(device, fields)).toString("hex"));
          const texts = messages.map((message) => fieldsOf(parsed(message)));
          const built = ask(texts.map((text) => `build ${seedOf(device)} ${text}`));
          expect(built).toEqual(messages.map((message) => `0 ${message}`));
          const read = ask(messages.map((message) => `verify ${device.publicKey.toString("hex")} ${message}`));
          expect(read).toEqual(texts.map((text) => `0 ${text}`));
        }),
        { numRuns: 10, endOnFailure: true },
      );
    });

    test("a damaged message is refused by both or by neither, and never taken for genuine", () => {
      const device = testDevice("c-and-ts");
      const base = accepted.map(({ cbor }) => cbor);
      const arbDamaged = fc
        .tuple(fc.constantFrom(...base), fc.nat(), fc.nat({ max: 255 }), fc.boolean())
        .map(([cbor, at, byte, cut]) => {
          const bytes = Buffer.from(cbor, "hex");
          bytes[at % bytes.length] = byte;
          return (cut ? bytes.subarray(0, at % bytes.length) : bytes).toString("hex");
        });
      fc.assert(
        fc.property(fc.array(arbDamaged, { minLength: 200, maxLength: 200 }), (messages) => {
          const read = ask(messages.map((message) => `verify ${device.publicKey.toString("hex")} ${message}`));
          expect(read.map((answer, at) => [messages[at], family(Number.parseInt(answer, 10))])).toEqual(
            messages.map((message) => [message, family(gatewayStatus(message, device))]),
          );
        }),
        { numRuns: 10, endOnFailure: true },
      );
    });

    test.each<[string, Partial<EnvelopeFields>]>([
      ["an id with a space", { deviceId: "a b" }],
      ["an id of 65 characters", { deviceId: "a".repeat(65) }],
      ["ten decimal places", { readings: [{ sensor: 1, vi: 1, vs: 10, unit: 1, quality: 0 }] }],
      ["quality 3", { readings: [{ sensor: 1, vi: 1, vs: 0, unit: 1, quality: 3 }] }],
      ["a control character in a unit", { readings: [{ sensor: 1, vi: 1, vs: 0, unit: "a\nb", quality: 0 }] }],
      ["a latitude beyond the pole", { geo: { latE7: 900_000_001, lonE7: 0, accM: undefined } }],
      ["4097 readings", { readings: new Array(4097).fill({ sensor: 1, vi: 1, vs: 0, unit: 1, quality: 0 }) }],
    ])("%s is not signed", (_, fields) => {
      const device = testDevice("c-and-ts");
      const full = { ...plain, deviceId: device.id, ...fields };
      expect(ask([`build ${seedOf(device)} ${fieldsOf(full)}`])).toEqual([`${argumentStatus} `]);
    });

    test("metadata that is no deterministic map is not signed", () => {
      const device = testDevice("c-and-ts");
      const text = fieldsOf({ ...plain, deviceId: device.id });
      const withMetadata = (hex: string): string => `build ${seedOf(device)} ${text.split(" ").with(7, hex).join(" ")}`;
      expect(ask(["80", "bf0102ff", "a2020101f6", "a1", "a100f97e00"].map(withMetadata))).toEqual(
        new Array(5).fill(`${argumentStatus} `),
      );
    });
  });

  describe("frames", () => {
    const accepted = [...fieldFrames, ...goldenFrames.accepted];

    test("every vector is read, and written byte by byte", () => {
      const texts = accepted.map(({ frame }) => packetText(frame));
      expect(ask(accepted.map(({ frame }) => `stream 1536 ${frame}`))).toEqual(texts.map((text) => `${text} `));
      expect(ask(texts.map((text) => `frame ${text.replaceAll(":", " ").replace(/ $/, " -")}`))).toEqual(
        accepted.map(({ frame }) => `0 ${frame}`),
      );
    });

    test("every vector that must be refused is, for the same reason, and the next frame is read", () => {
      const next = "065aa1010101010101010101010103a1c0027b0300";
      const bad = goldenFrames.rejected.filter(({ name }) => name !== "a zero inside");
      const read = ask(bad.map(({ frame }) => `stream 1024 ${frame}${next}`));
      expect(read.map((answer, at) => [bad[at]!.name, answer.split(" ")[0]])).toEqual(
        bad.map(({ name, reject }) => [name, String(statusOf[reject])]),
      );
    });

    test("noise gives refusals, and the frame behind the next delimiter is read", () => {
      const frame = Buffer.from(encodeMdpFrame({ type: 1, seq: 7, src: 0xa1, dst: 0xc0 })).toString("hex");
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 2000 }), { minLength: 20, maxLength: 20 }), (noise) => {
          const read = ask(noise.map((bytes) => `stream 600 ${Buffer.from(bytes).toString("hex")}00${frame}`));
          for (const answer of read) expect(answer.trim().split(" ").at(-1)).toBe("1:7:0:0:161:192:");
        }),
        { numRuns: 20, endOnFailure: true },
      );
    });

    test("frames to a board that takes 0x0A and 0x0D for line ends hold neither, and say the same", () => {
      // From 0x0A00 on, a whole run of numbers holds such a byte.
      const numbers = [0, 0x09f0, 0x0c_fff0, 0x0a0a_0a00, 0x0d0a_0000, 0xffff_fff0];
      const commands = numbers.flatMap((first) =>
        Array.from({ length: first === 0 ? 300 : 15 }, (_, at) => ({
          seq: first + at,
          body: `{"cmd":"${"x".repeat(at % 40)}"}`,
        })),
      );
      const read = ask(
        commands.map(
          ({ seq, body }) => `frame-without-line-ends 2 ${seq} 0 1 192 161 ${Buffer.from(body).toString("hex")}`,
        ),
      );
      read.forEach((answer, at) => {
        const frame = Buffer.from(answer.slice(2), "hex");
        expect(answer.slice(0, 2)).toBe("0 ");
        expect(frame.includes(0x0a) || frame.includes(0x0d)).toBe(false);
        const decoded = decodeMdpFrame(frame);
        expect(decoded.ok && JSON.parse(Buffer.from(decoded.value.body).toString())).toEqual(
          JSON.parse(commands[at]!.body),
        );
        expect(decoded.ok && decoded.value.seq >= commands[at]!.seq).toBe(true);
      });
      expect(ask(["frame-without-line-ends 2 1 0 0 192 161 0a"])).toEqual(["-27 "]);
    });
  });
}

const plain: EnvelopeFields = {
  deviceId: "d",
  msgId: new Uint8Array(16),
  epochMs: 0,
  seq: 1,
  readings: [],
};

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const arbCode = fc.oneof(
  fc.nat({ max: 0xffff }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((text) => Buffer.byteLength(text) <= 64),
);
const arbFields: fc.Arbitrary<Partial<EnvelopeFields>> = fc.record({
  proto: fc.nat({ max: 255 }),
  msgId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  epochMs: int64,
  seq: uint64,
  monoMs: uint64,
  geo: fc.option(
    fc.record({
      latE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
      lonE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
      accM: fc.option(fc.nat({ max: 0xffff_ffff }), { nil: undefined }),
    }),
    { nil: undefined },
  ),
  readings: fc.array(
    fc.record({
      sensor: arbCode,
      vi: int64,
      vs: fc.nat({ max: 9 }),
      unit: arbCode,
      quality: fc.nat({ max: 2 }),
    }),
    { maxLength: 8 },
  ),
  metadata: fc.option(
    fc.dictionary(fc.string({ maxLength: 5 }), fc.integer()).map((entries) => new Map(Object.entries(entries))),
    {
      nil: undefined,
    },
  ),
});

function packetText(frame: string): string {
  const decoded = decodeMdpFrame(Buffer.from(frame, "hex"));
  if (!decoded.ok) throw new Error(decoded.detail);
  const { type, seq, ack, flags, src, dst, body } = decoded.value;
  return [type, seq, ack, flags, src, dst, Buffer.from(body).toString("hex")].join(":");
}

function gatewayStatus(message: string, device: TestDevice): number {
  const result = parseEnvelope(Buffer.from(message, "hex"));
  if (!result.ok) return statusOf[result.reject]!;
  const checked = checkEnvelope(result.value, sodiumCrypto(device.publicKey));
  return checked.ok ? 0 : statusOf[checked.reject]!;
}

/** A message that is both cut and in another encoding may get either reason. */
function family(status: number): number {
  return status === statusOf.NOT_WELL_FORMED ? statusOf.NOT_DETERMINISTIC! : status;
}

function seedOf({ secretKey }: TestDevice): string {
  return secretKey.subarray(0, 32).toString("hex");
}
