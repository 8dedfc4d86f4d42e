import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mdpTypes } from "../../../protocol/spec.ts";
import type { MdpPacket } from "../../../src/codec/mdp.ts";
import { mdpEnvelope } from "../../../src/dialects/mdp-envelope.ts";
import { ownVectors } from "../../support/shared-vectors.ts";

const envelopes: readonly { cbor: string; deviceId: string }[] = ownVectors("envelopes.json");
const packet = (body: Uint8Array, type: number = mdpTypes.TELEMETRY): MdpPacket => ({ type, body }) as MdpPacket;
const read = (body: Uint8Array, type?: number): unknown => mdpEnvelope.read(packet(body, type), new Uint8Array(0));

describe("an envelope in an MDP frame", () => {
  test("every published envelope is taken as it is, under the id it claims", () => {
    for (const { cbor, deviceId } of envelopes) {
      const body = Buffer.from(cbor, "hex");
      expect(read(body)).toEqual({ format: "envelope", payload: body, signedBy: deviceId });
    }
  });

  test("a chained message is told from an envelope, and says whose it is", () => {
    const { accepted } = ownVectors<{ accepted: { cbor: string; publicKey?: string }[] }>("golden-chained.json");
    for (const { cbor, publicKey } of accepted) {
      const body = Buffer.from(cbor, "hex");
      const format = publicKey === undefined ? "envelope-chained" : "envelope";
      expect(read(body)).toEqual({ format, payload: body, signedBy: "golden-01" });
    }
  });

  test("JSON, other types and empty bodies are not envelopes", () => {
    const body = Buffer.from(envelopes[0]!.cbor, "hex");
    expect(read(Buffer.from("{}"))).toBeUndefined();
    expect(read(new Uint8Array(0))).toBeUndefined();
    expect(read(body, mdpTypes.EVENT)).toBeUndefined();
  });

  test("a CBOR map that claims no device id is an envelope of nobody", () => {
    for (const hex of ["a0", "aa000101", "aa00010178ff41", "aa0001016161", "aa00010261", "ab0001016320202e"]) {
      const body = Buffer.from(hex, "hex");
      expect(read(body)).toEqual(
        hex === "aa0001016161"
          ? { format: "envelope", payload: body, signedBy: "a" }
          : { format: "envelope", payload: body },
      );
    }
  });

  test("any body that begins like a map is an envelope, and never more", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (body) => {
        expect(read(body) !== undefined).toBe(body.length > 0 && body[0]! >= 0xa0 && body[0]! <= 0xbf);
      }),
    );
  });
});
