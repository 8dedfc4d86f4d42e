/** What each family makes of a command: published frames, tables, and totality over whatever is asked. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mdpFlags, mdpTypes } from "../../../protocol/spec.ts";
import { encodeMdpFrame } from "../../../src/codec/mdp.ts";
import type { Encoded } from "../../../src/commands/encoded.ts";
import { numberedTables } from "../../../src/commands/mdp-a.ts";
import { encodeMqttCommand, readMqttRequest, readMqttResult } from "../../../src/commands/mqtt.ts";
import { encodePortCommand } from "../../../src/commands/port-command.ts";
import type { SpokenDialect } from "../../../src/serial/detector.ts";

const vectors: readonly { name: string; frame: string }[] = JSON.parse(
  readFileSync(new URL("../../../protocol/vectors/mdp-frames.json", import.meta.url), "utf8"),
);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const dialects: readonly (SpokenDialect | undefined)[] = [
  ...([undefined, "mdp-envelope", "mdp-a", "mdp-b", "mdp-drone", "mdp-wifisense"] as const),
  ...(["boot", "production", "bsec2", "sciencecomms", "morgio", "field", "lora-gateway", "json"] as const),
];
const to = (dialect: SpokenDialect | undefined, cmd: string, params: object = {}, role = "mushroom1"): Encoded =>
  encodePortCommand(dialect, role, { id: "c-1", cmd, params: { ...params }, expiresMs: 1_750_000_000_000 });
const published = (name: string): string => vectors.find((vector) => vector.name === name)!.frame;
const frameOf = (encoded: Encoded, seq: number, ack = 0): string => {
  if (!encoded.ok || encoded.value.form !== "frame") throw new Error("no frame");
  const { dst, body } = encoded.value;
  const flags = mdpFlags.ACK_REQUESTED;
  return hex(encodeMdpFrame({ type: mdpTypes.COMMAND, seq, ack, flags, src: 0xc0, dst, body }));
};
const lineOf = (encoded: Encoded): string | undefined =>
  encoded.ok && encoded.value.form === "line" ? encoded.value.text : undefined;
const rejectOf = (encoded: Encoded): string | undefined => (encoded.ok ? undefined : encoded.reject);

describe("generation A", () => {
  test("its commands are the published frames, byte for byte", () => {
    const setMos = "065aa10102070101010101010401c0a102040202050101ae7300"; // wire-facts §1.7
    expect(frameOf(to("mdp-a", "set_mos", { index: 1, value: 1 }), 7)).toBe(setMos);
    expect(frameOf(to("mdp-a", "set_telem_ms", { ms: 5_000 }), 0x75, 0x64)).toBe(
      published("command_set_telem_ms_gen_a"),
    );
  });

  test("numbers that mean two things are sent only to the boards whose role says which", () => {
    const body = (encoded: Encoded): string =>
      encoded.ok && encoded.value.form === "frame" ? hex(encoded.value.body) : "refused";
    expect(body(to("mdp-a", "buzzer_pattern", { pattern: "la" }))).toBe("21000200" + "6c61");
    expect(body(to("mdp-a", "drone_stop", {}, "mycodrone"))).toBe("21000000");
    expect(body(to("mdp-drone", "drone_stop", {}, ""))).toBe("21000000");
    expect(
      body(
        to("mdp-wifisense", "wifisense_config", {
          channel: 6,
          bandwidth: 20,
          csi_format: 1,
          sample_rate: 100,
          enabled: 1,
        }),
      ),
    ).toBe("120006000614016400" + "01");
    expect(rejectOf(to("mdp-a", "drone_stop"))).toBe("COMMAND_UNKNOWN");
    expect(rejectOf(to("mdp-a", "buzzer_stop", {}, "mycodrone"))).toBe("COMMAND_UNKNOWN");
    expect(rejectOf(to("mdp-a", "buzzer_stop", {}, ""))).toBe("COMMAND_UNSUPPORTED");
    // What means the same everywhere needs no role.
    expect(body(to("mdp-a", "reboot", {}, "")).slice(0, 4)).toBe("0900");
  });

  test("no two commands of a table share a number, and those of different tables that do are the known ones", () => {
    for (const table of Object.values(numberedTables)) {
      const ids = Object.values(table).map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  test("arguments out of range, of another kind, missing or unknown are refused", () => {
    for (const [cmd, params] of [
      ["set_mos", { index: 0, value: 1 }],
      ["set_mos", { index: 4, value: 1 }],
      ["set_mos", { index: 1 }],
      ["set_mos", { index: 1, value: true }],
      ["set_mos", { index: 1, value: 1, more: 1 }],
      ["set_telem_ms", { ms: 99 }],
      ["set_role", { role: "x".repeat(32) }],
      ["set_role", { role: "" }],
      ["buzzer_tone", { hz: 440.5, ms: 1 }],
    ] as const) {
      expect([cmd, rejectOf(to("mdp-a", cmd, params))]).toEqual([cmd, "REQUEST_INVALID"]);
    }
    expect(rejectOf(to("mdp-a", "set_i2c", { sda: 5, scl: 4 }))).toBeUndefined();
    expect(rejectOf(to("mdp-a", "toString"))).toBe("COMMAND_UNKNOWN");
  });
});

describe("generation B", () => {
  test("read_sensors is the published frame, byte for byte", () => {
    expect(frameOf(to("mdp-b", "read_sensors"), 0x72)).toBe(published("command_read_sensors"));
  });

  test("firmware with our library is told the id and the deadline as well", () => {
    const encoded = to("mdp-envelope", "sample", { n: 1 });
    expect(
      encoded.ok && encoded.value.form === "frame" && JSON.parse(Buffer.from(encoded.value.body).toString()),
    ).toEqual({
      ...{ id: "c-1", cmd: "sample", params: { n: 1 }, expires: 1_750_000_000_000 },
    });
  });

  test("what Side-B does itself goes to Side-B; a document that Side-A has no room for is refused", () => {
    expect(to("mdp-b", "lora_send", { payload: "x" })).toMatchObject({ value: { dst: 0xb1 } });
    expect(to("mdp-b", "estop")).toMatchObject({ value: { dst: 0xa1 } });
    expect(rejectOf(to("mdp-b", "x", { text: "y".repeat(500) }))).toBe("REQUEST_INVALID");
  });
});

describe("lines", () => {
  test.each([
    [
      "production",
      "set_mosfet",
      { mosfet_index: 2, state: true },
      '{"cmd":"set_mosfet","mosfet_index":2,"state":true}',
    ],
    ["production", "ping", {}, '{"cmd":"ping"}'],
    ["sciencecomms", "led", { args: "rgb 255 0 0" }, "led rgb 255 0 0"],
    ["sciencecomms", "led.rgb", { r: 1, g: 2, b: 3 }, '{"cmd":"led.rgb","r":1,"g":2,"b":3}'],
    ["morgio", "coin", {}, "coin"],
    ["field", "line", { line: "status" }, "status"],
    ["bsec2", "line", { line: "help" }, "help"],
    ["lora-gateway", "inject", { cmd: 4, data: [1, 1] }, '{"cmd":4,"dst":161,"data":[1,1]}'],
  ] as const)("%s takes %s", (dialect, cmd, params, line) => {
    expect(lineOf(to(dialect, cmd, params))).toBe(line);
  });

  test.each([
    ["production", "set_mosfet", { mosfet_index: 3, state: true }, "REQUEST_INVALID"],
    ["production", "ping", { cmd: "reset" }, "REQUEST_INVALID"],
    ["production", "led", { cmd: "reset" }, "REQUEST_INVALID"],
    ["production", "estop", {}, "COMMAND_UNKNOWN"],
    ["sciencecomms", "led", { args: "a\nreset" }, "REQUEST_INVALID"],
    ["sciencecomms", "led", { args: "x".repeat(260) }, "REQUEST_INVALID"],
    ["sciencecomms", "led.rgb", { r: 256, g: 0, b: 0 }, "REQUEST_INVALID"],
    ["sciencecomms", "fly", {}, "COMMAND_UNKNOWN"],
    ["morgio", "led.rgb", {}, "COMMAND_UNKNOWN"],
    ["field", "status", {}, "COMMAND_UNSUPPORTED"],
    ["bsec2", "status", {}, "COMMAND_UNSUPPORTED"],
    ["field", "line", { line: "a\rb" }, "REQUEST_INVALID"],
    ["field", "line", {}, "REQUEST_INVALID"],
    ["lora-gateway", "line", { line: "x" }, "COMMAND_UNKNOWN"],
  ] as const)("%s refuses %s %j", (dialect, cmd, params, reject) => {
    expect(rejectOf(to(dialect, cmd, params))).toBe(reject);
  });
});

test("whatever is asked of whatever family is encoded in bounds, or refused with a reason", () => {
  const names = [
    "led",
    "line",
    "inject",
    "led.rgb",
    "__proto__",
    ...Object.values(numberedTables).flatMap(Object.keys),
  ];
  const arbParams = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom("args", "line", "cmd", "dst", "data", "index", "value", "r", "lat", "role")),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...dialects),
      fc.oneof(fc.string(), fc.constantFrom(...names)),
      arbParams,
      fc.string(),
      (dialect, cmd, params, role) => {
        const encoded = to(dialect, cmd, params, role);
        if (!encoded.ok) expect(encoded.detail).not.toBe("");
        else if (encoded.value.form === "line") expect(encoded.value.text).not.toMatch(/[\r\n\0]/);
        else expect(encoded.value.body.length).toBeLessThanOrEqual(512);
      },
    ),
  );
});

describe("MQTT", () => {
  test("requests and results are total over any bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          readMqttRequest(bytes);
          readMqttResult(bytes);
        },
      ),
    );
  });

  test("an id that is a number is taken for its digits", () => {
    expect(readMqttResult(Buffer.from('{"id":7,"success":true,"message":"ok"}'))).toEqual({
      ...{ id: "7", answer: { outcome: "succeeded", message: "ok" } },
    });
    expect(readMqttRequest(Buffer.from('{"id":7,"cmd":"x"}'))).toMatchObject({ id: "7", params: {} });
    expect(readMqttResult(Buffer.from('{"success":true}'))).toBeUndefined();
    for (const wrong of [
      '{"cmd":7}',
      '{"cmd":""}',
      '{"cmd":"x","params":[]}',
      '{"cmd":"x","expires":"soon"}',
      "[]",
      "\xff",
    ]) {
      expect(readMqttRequest(Buffer.from(wrong, "latin1"))).toBeUndefined();
    }
    expect(JSON.parse(encodeMqttCommand({ id: "a", cmd: "x", params: {}, expiresMs: 5 }))).toEqual({
      ...{ id: "a", cmd: "x", params: {}, expires: 5 },
    });
  });
});
