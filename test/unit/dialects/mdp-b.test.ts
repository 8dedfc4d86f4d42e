import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sensorName } from "../../../protocol/names.ts";
import { mdpTypes, units } from "../../../protocol/spec.ts";
import { decodeMdpFrame, encodeMdpFrame } from "../../../src/codec/mdp.ts";
import { decodeMdpB, mdpB } from "../../../src/dialects/mdp-b.ts";
import type { Reading } from "../../../src/reading.ts";
import { arbFrame } from "../../support/mdp-arbitrary.ts";

const vectors: readonly { name: string; frame: string }[] = JSON.parse(
  readFileSync(new URL("../../../protocol/vectors/mdp-frames.json", import.meta.url), "utf8"),
);
const vector = (name: string): Uint8Array => Buffer.from(vectors.find((each) => each.name === name)!.frame, "hex");

const frame = (type: number, body: string | Uint8Array): Uint8Array =>
  encodeMdpFrame({ type, seq: 9, src: 0xa1, dst: 0xc0, body: typeof body === "string" ? Buffer.from(body) : body });
const telemetry = (fields: string): Uint8Array => frame(mdpTypes.TELEMETRY, `{"type":"telemetry",${fields}}`);

const sensorText = (sensor: Reading["sensor"]): string =>
  typeof sensor === "number" ? (sensorName(sensor) ?? String(sensor)) : sensor;

/** As `sensor → [vi, vs, unit]`. */
function readings(wire: Uint8Array): Record<string, [Reading["vi"], number, Reading["unit"]]> {
  const decoded = decodeMdpB(wire);
  if (!decoded.ok) throw new Error(decoded.detail);
  return Object.fromEntries(
    decoded.value.readings.map(({ sensor, vi, vs, unit }) => [sensorText(sensor), [vi, vs, unit]]),
  );
}

describe("generation B", () => {
  test("telemetry gives every number and boolean by its path, exact, with its unit", () => {
    const count = units.count.code;
    expect(readings(vector("telemetry_gen_b"))).toEqual({
      uptime: [75694, 0, units.s.code],
      estop: [0, 0, units.bool.code],
      analog_1: [1792, 0, count],
      analog_2: [1902, 0, count],
      analog_3: [554, 0, count],
      analog_4: [489, 0, count],
      "amb.temp": [2743, 2, units.C.code],
      "amb.humidity": [5823, 2, units["%RH"].code],
      "amb.pressure": [102432, 2, units.hPa.code],
      "amb.gas_resistance": [265057, 0, units.Ohm.code],
      "amb.iaq": [3350, 1, units.index.code],
      "amb.co2_equivalent": [7242, 1, units.ppm.code],
      "amb.voc_equivalent": [87, 2, units.ppm.code],
      "env.temp": [2783, 2, units.C.code],
      "env.humidity": [6651, 2, units["%RH"].code],
      "env.pressure": [100788, 2, units.hPa.code],
      "env.gas_resistance": [35377, 0, units.Ohm.code],
      disagreement: [5984, 4, units.index.code],
    });
  });

  test("a sensor that is not there gives no readings", () => {
    expect(Object.keys(readings(vector("telemetry_gen_b_no_bme")))).toEqual([
      "uptime",
      "estop",
      "analog_1",
      "analog_2",
      "analog_3",
      "analog_4",
    ]);
  });

  test("HELLO and ACK are messages without readings, EVENT has what it counts", () => {
    for (const name of ["hello_side_a_gen_b", "hello_side_b_gen_b", "ack_gen_b", "nack_gen_b", "event_estop"]) {
      expect(readings(vector(name))).toEqual({});
    }
    expect(readings(vector("event_transport_status"))).toMatchObject({
      queue_depth: [3, 0, units.count.code],
      wifi_ready: [1, 0, units.bool.code],
    });
  });

  test("the header's seq is the sample's; the id in a HELLO claims nothing, since a whole batch shares it", () => {
    expect(decodeMdpB(vector("hello_side_a_gen_b"))).toMatchObject({
      value: { seq: 100, claimedDeviceId: undefined, msgId: undefined, epochMs: undefined },
    });
  });

  test("a port learns from HELLO who is there, and from ACK what became of a command", () => {
    const read = (name: string): unknown => {
      const packet = decodeMdpFrame(vector(name));
      return packet.ok && mdpB.read(packet.value, vector(name));
    };
    expect(read("hello_side_a_gen_b")).toMatchObject({
      fromBoard: true,
      hello: { deviceId: "mycobrain-9f81b", role: "mushroom1", firmware: "side-a-mdp-2.1.0" },
    });
    expect(read("hello_side_b_gen_b")).toMatchObject({ hello: { deviceId: undefined, firmware: "side-b-mdp-2.0.0" } });
    expect(read("nack_gen_b")).toMatchObject({ result: { success: false, message: "unknown_command" } });
    for (const name of [
      "drone_telemetry",
      "cmd_result_gen_a",
      "command_read_sensors",
      "run_of_nonzero",
      "random_body",
    ]) {
      expect(read(name)).toBeUndefined();
    }
  });

  test("numbers keep every digit they were sent with", () => {
    expect(
      readings(
        telemetry(
          '"a":27.40,"b":-0.05,"c":1e3,"d":1.5E-3,"e":123456789012345678901234567890,"f":0.12345678901234567890,"g":-0,"h":9007199254740993',
        ),
      ),
    ).toMatchObject({
      a: [2740, 2, ""],
      b: [-5, 2, ""],
      c: [1000, 0, ""],
      d: [15, 4, ""],
      e: [123456789012345678901234567890n, 0, ""],
      f: [12345678901234567890n, 20, ""],
      g: [0, 0, ""],
      h: [9007199254740993n, 0, ""],
    });
  });

  test("text, null and numbers inside text are no readings; arrays count by place", () => {
    expect(readings(telemetry('"a":"12.5","b":null,"c":[1,{"d":2}],"e\\"f":3,"g":"\\"4\\\\"'))).toEqual({
      "c.0": [1, 0, ""],
      "c.1.d": [2, 0, ""],
      'e"f': [3, 0, ""],
    });
  });

  test.each([
    [
      "cut off at the board's 1006 bytes",
      frame(mdpTypes.TELEMETRY, `{"type":"telemetry","uptime":7,"ana`),
      "NOT_WELL_FORMED",
    ],
    ["text of generation A", frame(mdpTypes.TELEMETRY, '{"hdr":{}},"hash":"sha256:00","sig":"x"}'), "NOT_WELL_FORMED"],
    [
      "not UTF-8",
      frame(mdpTypes.TELEMETRY, Buffer.from('{"type":"telemetry","x":"\xe9"}', "latin1")),
      "NOT_WELL_FORMED",
    ],
    ["no object", frame(mdpTypes.TELEMETRY, "[1]"), "SCHEMA_INVALID"],
    ["another message", frame(mdpTypes.TELEMETRY, '{"type":"tele"}'), "SCHEMA_INVALID"],
    ["an event without a name", frame(mdpTypes.EVENT, '{"queue_depth":1}'), "SCHEMA_INVALID"],
    ["an ACK without a verdict", frame(mdpTypes.ACK, '{"message":"x"}'), "SCHEMA_INVALID"],
    ["a HELLO without a version", frame(mdpTypes.HELLO, '{"role":"x"}'), "SCHEMA_INVALID"],
    ["a number of a thousand digits", telemetry(`"x":${"9".repeat(900)}`), "SCHEMA_INVALID"],
    ["an exponent beyond reason", telemetry('"x":1e999999999'), "SCHEMA_INVALID"],
    ["more decimals than twenty", telemetry('"x":1e-21'), "SCHEMA_INVALID"],
    ["a field name with a control character", telemetry('"\\u0000":1'), "SCHEMA_INVALID"],
    ["a command", vector("command_read_sensors"), "SCHEMA_INVALID"],
    ["a drone's packed telemetry", vector("drone_telemetry"), "SCHEMA_INVALID"],
    ["no frame", Buffer.from("hello"), "NOT_WELL_FORMED"],
  ] as const)("%s is refused", (_name, wire, reject) => {
    expect(decodeMdpB(wire)).toMatchObject({ ok: false, reject });
  });

  test("any frame and any bytes give a sample or a typed refusal, and the port agrees with ingest on which", () => {
    const arbWire = fc.oneof(arbFrame, fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(arbWire, (wire) => {
        const decoded = decodeMdpB(wire);
        if (!decoded.ok) expect(["NOT_WELL_FORMED", "SCHEMA_INVALID"]).toContain(decoded.reject);
        const packet = decodeMdpFrame(wire);
        expect(packet.ok && mdpB.read(packet.value, wire) !== undefined).toBe(decoded.ok);
      }),
      { numRuns: 500 },
    );
  });

  test("any JSON object of measurements gives each of its numbers back", () => {
    const arbFields = fc.dictionary(
      fc.stringMatching(/^[a-z_]{1,12}$/),
      fc.integer({ min: -1_000_000, max: 1_000_000 }),
      { maxKeys: 20 },
    );
    fc.assert(
      fc.property(arbFields, (fields) => {
        const sent = Object.entries(fields).filter(([key]) => !/^(type|uptime_s|ai.)$/.test(key));
        const body = sent.map(([key, value]) => `"${key}":${value}.0`);
        const read = readings(telemetry(['"M":1', ...body].join(",")));
        for (const [key, value] of sent) expect(read[key]).toEqual([value * 10 || 0, 1, ""]);
      }),
    );
  });
});
