/**
 * Golden vectors of what boards put on a port besides signed envelopes: frames of both generations, packed structures,
 * and the lines of every known firmware, each with the readings that it means.
 */
import { asciiBytes, bytesOf, concat, type GoldenCodec, hexOf } from "./golden.ts";
import { mdp, mdpEndpoints, mdpFlags, mdpTypes } from "./spec.ts";

/** `sensor value unit`, with the quality behind it where it is not 0. Names where the tables have them; `-` for no unit. */
type Meant = string;

interface Shape {
  readonly name: string;
  readonly format: string;
  /** A frame as on the wire, or a line without its end. */
  readonly bytes: Uint8Array;
  readonly readings?: readonly Meant[];
  /** `sensor unit quality: value value …` */
  readonly arrays?: readonly Meant[];
  readonly geo?: readonly [latE7: number, lonE7: number];
}

const { SIDE_A, SIDE_B, GATEWAY } = mdpEndpoints;

export function goldenBoards(codec: GoldenCodec) {
  const frame = (type: number, seq: number, body: Uint8Array, more: Partial<Header> = {}): Uint8Array =>
    frameOf(codec, { type, seq, ack: 0, flags: 0, src: SIDE_A, dst: GATEWAY, ...more }, body);
  const textBody = (object: string): Uint8Array => {
    const hash = codec.sha256(asciiBytes(object));
    return concat(asciiBytes(object), asciiBytes(`,"hash":"sha256:${hexOf(hash)}","sig":"ed25519:${base64(hash)}"`));
  };
  const reliable = { flags: mdpFlags.ACK_REQUESTED, dst: SIDE_B };
  const line = (format: string, name: string, text: string, means: Partial<Shape> = {}): Shape => ({
    name,
    format: `line-${format}`,
    bytes: asciiBytes(text),
    ...means,
  });

  const shapes: readonly Shape[] = [
    {
      name: "generation A: telemetry as text that is not valid JSON",
      format: "mdp-a",
      bytes: frame(mdpTypes.TELEMETRY, 42, textBody(generationAText), reliable),
      readings: generationAReadings,
    },
    {
      name: "generation A: the same without a clock, forwarded by Side-B",
      format: "mdp-a",
      bytes: frame(mdpTypes.TELEMETRY, 7001, textBody(generationAText.replace("1775001600", "12")), {
        flags: mdpFlags.ACK_REQUESTED,
        src: SIDE_B,
      }),
      readings: generationAReadings,
    },
    {
      name: "generation A: telemetry as a structure of 188 bytes",
      format: "mdp-a",
      bytes: frame(mdpTypes.TELEMETRY, 43, legacyBody()),
      readings: [
        "uptime 123.456 s",
        "analog_1_raw 100 count",
        "analog_2_raw 200 count",
        "analog_3_raw 300 count",
        "analog_4_raw 4095 count",
        "analog_1 0.1 V",
        "analog_2 1.25 V",
        "analog_3 3.3 V",
        "analog_4 0 V",
        "output_1 1 bool",
        "output_2 0 bool",
        "output_3 1 bool",
      ],
      arrays: ["i2c_addresses.0 - 0: 118 119"],
    },
    {
      name: "generation A: a result, bad index",
      format: "mdp-a",
      bytes: frame(mdpTypes.EVENT, 12, bytesOf("010004000400fdff"), { ack: 7, dst: SIDE_B }),
    },
    {
      name: "generation A: a result with data",
      format: "mdp-a",
      bytes: frame(mdpTypes.EVENT, 13, bytesOf("0100040002000000" + "7677")),
    },
    {
      name: "Wi-Fi sensing, in-phase and quadrature",
      format: "mdp-wifisense",
      bytes: frame(mdpTypes.WIFISENSE, 5, wifisenseBody({ csiLength: 8, csiFormat: 0 }), { src: SIDE_B }),
      readings: wifisenseReadings,
      arrays: ["csi_i count 0: 1 -3", "csi_q count 0: -2 4"],
    },
    {
      name: "Wi-Fi sensing, amplitude and phase",
      format: "mdp-wifisense",
      bytes: frame(mdpTypes.WIFISENSE, 6, wifisenseBody({ csiLength: 8, csiFormat: 1 }), { src: SIDE_B }),
      readings: wifisenseReadings,
      arrays: ["csi_amplitude count 0: 1 65533", "csi_phase count 0: -2 4"],
    },
    {
      name: "Wi-Fi sensing as today's firmware sends it: nothing captured",
      format: "mdp-wifisense",
      bytes: frame(mdpTypes.WIFISENSE, 7, wifisenseBody({ csiLength: 0, csiFormat: 0 }), { src: SIDE_B }),
      readings: wifisenseReadings,
    },
    line("boot", "generation A, Side-A", '{"side":"A","mdp":"v1","device_role":"hyphae1","status":"ready"}'),
    line("boot", "generation A, Side-B", '{"side":"B","mdp":1,"lora":true,"wifi":false,"ble":false,"status":"ready"}'),
    line("lora-gateway", "LoRa gateway, radio ready", '{"lora_init":"ok"}'),
    line("lora-gateway", "LoRa gateway, no radio", '{"lora_init":"fail","err":-2}'),
    line("lora-gateway", "LoRa gateway, ready", '{"side":"gateway","mdp":1,"status":"ready"}'),
    line(
      "lora-gateway",
      "LoRa gateway, the header of a frame",
      '{"t_ms":81234,"src":177,"dst":192,"seq":77,"ack":3,"type":1,"flags":1}',
      { readings: [] },
    ),
    line("lora-gateway", "LoRa gateway, older build", '{"rx":1,"type":5,"seq":9,"src":177,"dst":192}', {
      readings: [],
    }),
    line("lora-gateway", "LoRa gateway, command taken", '{"sent":true,"seq":4}'),
    line("lora-gateway", "LoRa gateway, command not understood", '{"error":"json_parse"}'),
    line(
      "production",
      "production 1.0.0",
      '{"type":"telemetry","ts":60123,"board_id":"A0B1C2D3E4F5","device_role":"mushroom1","ai1_voltage":0.125,"ai2_voltage":3.300,"ai3_voltage":0,"ai4_voltage":1.5,"mosfet_states":[true,false,false],"i2c_addresses":[118,119],"firmware_version":"1.0.0","uptime_seconds":60}',
      {
        readings: [
          "analog_1 0.125 V",
          "analog_2 3.300 V",
          "analog_3 0 V",
          "analog_4 1.5 V",
          "output_1 1 bool",
          "output_2 0 bool",
          "output_3 0 bool",
          "uptime 60 s",
        ],
        arrays: ["i2c_addresses - 0: 118 119"],
      },
    ),
    line(
      "production",
      "production in its older mode, wrapped",
      '{"type":"telemetry","data":{"type":"telemetry","ts":1,"board_id":"A0B1C2D3E4F5","device_role":"sporebase","ai1_voltage":1,"ai2_voltage":2,"ai3_voltage":3,"ai4_voltage":4,"temperature":21.5,"humidity":40,"pressure":101325,"gas_resistance":50000,"mosfet_states":[false,false,true],"i2c_addresses":[],"firmware_version":"1.0.0-production","uptime_seconds":1}}',
      {
        readings: [
          "analog_1 1 V",
          "analog_2 2 V",
          "analog_3 3 V",
          "analog_4 4 V",
          "temp 21.5 C",
          "humidity 40 %RH",
          "pressure 101325 Pa",
          "gas_resistance 50000 Ohm",
          "output_1 0 bool",
          "output_2 0 bool",
          "output_3 1 bool",
          "uptime 1 s",
        ],
      },
    ),
    line(
      "bsec2",
      "BSEC2 manager, boot",
      '{"type":"boot","ok":true,"hello":"mycobrain.sideA.bsec2","version":"2.1.0","node_id":"A-a0b1c2d3e4f6","mac":"A0:B1:C2:D3:E4:F6","role":"side-a","baud":115200}',
    ),
    line(
      "bsec2",
      "BSEC2 manager, calibrated",
      '{"type":"tele","seq":12,"t_ms":24010,"node":"A-a0b1c2d3e4f6","uptime_s":24,"uptime_seconds":24,"bme688_count":1,"temperature":22.25,"humidity":41.5,"pressure":1009.1,"gas_resistance":81234,"iaq":38.5,"iaq_accuracy":3,"co2_equivalent":512.0,"voc_equivalent":0.61,"gas_class":2,"gas_probability":0.87,"firmware_version":"2.1.0","health":{"heap":201344,"i2c_ok":true}}',
      {
        readings: [
          "uptime 24 s",
          "bme688_count 1 -",
          "temp 22.25 C",
          "humidity 41.5 %RH",
          "pressure 1009.1 hPa",
          "gas_resistance 81234 Ohm",
          "iaq 38.5 index",
          "iaq_accuracy 3 index",
          "co2_equivalent 512.0 ppm",
          "voc_equivalent 0.61 ppm",
          "gas_class 2 index",
          "gas_probability 0.87 index",
          "free_memory 201344 count",
          "health.i2c_ok 1 bool",
        ],
      },
    ),
    line("sciencecomms", "ScienceComms, done", '{"type":"ack","cmd":"led rgb","message":"ok","ts":1234}'),
    line("sciencecomms", "ScienceComms, refused", '{"type":"err","cmd":"stim","error":"unknown","ts":1240}'),
    line(
      "sciencecomms",
      "ScienceComms, status",
      '{"type":"telemetry","ts":5000,"board_id":"a0b1c2d3e4f7","firmware":"MycoBrain-ScienceComms","version":"1.0.0","build":"Jan 1 2026","uptime_ms":5000,"mode":"machine","debug":false,"led":{"r":0,"g":10,"b":0},"buzzer":false,"outputs":{"out1":{"state":true,"pwm":128,"freq":1000},"out2":{"state":false,"pwm":0,"freq":0},"out3":{"state":false,"pwm":0,"freq":0}}}',
      {
        readings: [
          "uptime 5.000 s",
          "debug 0 bool",
          "led.r 0 -",
          "led.g 10 -",
          "led.b 0 -",
          "buzzer 0 bool",
          "outputs.out1.state 1 bool",
          "outputs.out1.pwm 128 -",
          "outputs.out1.freq 1000 -",
          "outputs.out2.state 0 bool",
          "outputs.out2.pwm 0 -",
          "outputs.out2.freq 0 -",
          "outputs.out3.state 0 bool",
          "outputs.out3.pwm 0 -",
          "outputs.out3.freq 0 -",
        ],
      },
    ),
    line(
      "sciencecomms",
      "ScienceComms, peripherals after a scan",
      '{"type":"periph_list","ts":6000,"board_id":"a0b1c2d3e4f7","peripherals":[{"uid":"i2c0-76","address":118,"type":"bme688","vendor":"Bosch","product":"BME688","present":true},{"uid":"i2c0-77","address":119,"type":"bme688","vendor":"Bosch","product":"BME688","present":true}],"count":2}',
      { readings: ["i2c_peripherals 2 count"], arrays: ["i2c_addresses - 0: 118 119"] },
    ),
    line(
      "sciencecomms",
      "ScienceComms, peripherals on request",
      '{"type":"periph_list","count":1,"devices":[{"type":"periph","board_id":"a0b1c2d3e4f7","bus":0,"address":"0x76","peripheral_uid":"i2c0-76"}]}',
      { readings: ["i2c_peripherals 1 count"], arrays: ["i2c_addresses - 0: 118"] },
    ),
    line(
      "morgio",
      "morgio, text",
      "AMB addr=0x77 age=312ms T=23.41C RH=44.10% P=1008.7hPa(raw=100870) Gas=120034Ohm IAQ=51.2 acc=1 sIAQ=49.0 CO2eq=611 VOC=0.72",
      {
        readings: [
          "amb.temp 23.41 C",
          "amb.humidity 44.10 %RH",
          "amb.pressure 1008.7 hPa",
          "amb.pressure_raw 100870 -",
          "amb.gas_resistance 120034 Ohm",
          "amb.iaq 51.2 index 1",
          "amb.iaq_accuracy 1 index",
          "amb.iaq_static 49.0 index 1",
          "amb.co2_equivalent 611 ppm 1",
          "amb.voc_equivalent 0.72 ppm 1",
        ],
      },
    ),
    line(
      "morgio",
      "morgio, JSON",
      '{"ts_ms":90500,"sensor":"ENV","addr":118,"age":20,"tC":23.9,"rh":43.0,"p_hPa":1008.9,"gas":88000,"iaq":25,"acc":0,"siaq":25,"co2eq":500,"voc":0.5}',
      {
        readings: [
          "board_clock 90.500 s",
          "env.temp 23.9 C",
          "env.humidity 43.0 %RH",
          "env.pressure 1008.9 hPa",
          "env.gas_resistance 88000 Ohm",
          "env.iaq 25 index 2",
          "env.iaq_accuracy 0 index",
          "env.iaq_static 25 index 2",
          "env.co2_equivalent 500 ppm 2",
          "env.voc_equivalent 0.5 ppm 2",
        ],
      },
    ),
    line(
      "morgio",
      "generation B 2.1.0, live JSON between its frames",
      '{"ts_ms":1200,"sensor":"AMB","tC":21.5,"rh":40.25,"p_hPa":1012.5,"gas":101000}',
      {
        readings: [
          "board_clock 1.200 s",
          "amb.temp 21.5 C",
          "amb.humidity 40.25 %RH",
          "amb.pressure 1012.5 hPa",
          "amb.gas_resistance 101000 Ohm",
        ],
      },
    ),
    line("field", "a board in the field, its ambient sensor", fieldLine("amb", "0x77", 652.4, true), {
      readings: fieldReadings("amb", ["652.4 hPa 1", "suspect"], 1, 0),
      arrays: ["amb.gas_estimates index 2: 0.70 0.20 0.08 0.02"],
      geo: [327_157_000, -1_171_611_000],
    }),
    line("field", "the other sensor of that board, not valid", fieldLine("env", "0x76", 1011.2, false), {
      readings: fieldReadings("env", ["1011.2 hPa 2"], 0, 2),
      arrays: ["env.gas_estimates index 2: 0.70 0.20 0.08 0.02"],
      geo: [327_157_000, -1_171_611_000],
    }),
    line("json", "firmware that nobody described", '{"t":21.5,"on":true,"spectrum":[1,2.50,3],"note":"x"}', {
      readings: ["t 21.5 -", "on 1 bool"],
      arrays: ["spectrum - 0: 1 2.50 3"],
    }),
    {
      name: "the fungal computer interface",
      format: "fci-json",
      bytes: asciiBytes(fciMessage),
      readings: [
        "bioelectric 12.5 uV",
        "bioelectric_rms 4.25 uV",
        "bioelectric_mean 0.10 uV",
        "bioelectric_std 4.2 uV",
        "bioelectric_freq 1.5 Hz",
        "bioelectric_power 18.06 -",
        "snr 9.5 dB",
        "pattern_confidence 0.65 index",
        "sample_count 128 count",
        "temp 22.1 C",
        "humidity 55 %RH",
        "pressure 1009.5 hPa",
        "gas_resistance 120.4 kOhm",
        "uptime 5.100 s",
        "rssi -61 dBm",
        "impedance 10250 Ohm",
        "stimulus_active 0 bool",
        "pattern 2 index",
      ],
    },
    {
      name: "the fungal computer interface, samples as a paper has them",
      format: "fci-json",
      bytes: asciiBytes(fciSamples),
      readings: ["bioelectric.1 0.125 mV", "bioelectric.ref -3 mV", "sample_rate 128 Hz"],
      arrays: ["impedance - 0: 10250 9800.5"],
    },
  ];

  const damaged = textBody(generationAText);
  const hashBroken = concat(
    asciiBytes(generationAText.replace("1.2340", "9.2340")),
    damaged.subarray(generationAText.length),
  );
  const refused: readonly (readonly [reject: string, name: string, format: string, bytes: Uint8Array])[] = [
    ["HASH_MISMATCH", "generation A: a changed value", "mdp-a", frame(mdpTypes.TELEMETRY, 44, hashBroken, reliable)],
    [
      "NOT_WELL_FORMED",
      "generation A: cut off before its signature",
      "mdp-a",
      frame(mdpTypes.TELEMETRY, 45, damaged.subarray(0, -20), reliable),
    ],
    [
      "SCHEMA_INVALID",
      "generation A: a structure with more addresses than a bus has room for",
      "mdp-a",
      frame(mdpTypes.TELEMETRY, 46, legacyBody().with(40, 17)),
    ],
    [
      "SCHEMA_INVALID",
      "Wi-Fi sensing that claims more data than a frame has room for",
      "mdp-wifisense",
      frame(mdpTypes.WIFISENSE, 8, wifisenseBody({ csiLength: 513, csiFormat: 0 })),
    ],
    [
      "SCHEMA_INVALID",
      "Wi-Fi sensing in a format that nobody described",
      "mdp-wifisense",
      frame(mdpTypes.WIFISENSE, 9, wifisenseBody({ csiLength: 8, csiFormat: 2 })),
    ],
    ["SCHEMA_INVALID", "a HEARTBEAT of old papers", "mdp-wifisense", frame(mdpTypes.WIFISENSE, 10, bytesOf("00"))],
    ["SCHEMA_INVALID", "a LOG of old papers", "mdp-drone", frame(mdpTypes.DRONE_TELEMETRY, 11, asciiBytes("hello"))],
  ];
  return {
    accepted: shapes.map(({ name, format, bytes, readings = [], arrays = [], geo }) => ({
      name,
      format,
      ...(format.startsWith("mdp-") ? { frame: hexOf(bytes) } : { line: ascii(bytes) }),
      readings,
      arrays,
      ...(geo && { geo }),
    })),
    rejected: refused.map(([reject, name, format, bytes]) => ({ name, reject, format, frame: hexOf(bytes) })),
  };
}

interface Header {
  readonly type: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly src: number;
  readonly dst: number;
}

const generationAText =
  '{"hdr":{"deviceId":"mycobrain-side-a","device_role":"hyphae1","proto":"uart","msgId":"00000042"},"ts":{"utc":"1775001600","mono_ms":61250},"seq":42,"pack":[{"id":"ai1","v":1.2340,"u":"V"},{"id":"ai2","v":0.0000,"u":"V"},{"id":"ai3","v":3.3000,"u":"V"},{"id":"ai4","v":2.0001,"u":"V"},{"id":"mos1","v":1,"u":"bool"},{"id":"mos2","v":0,"u":"bool"},{"id":"mos3","v":0,"u":"bool"}],"meta":{"schema":"mycosoft.v1","units":"si"}}';
const generationAReadings: readonly Meant[] = [
  "uptime 61.250 s",
  "analog_1 1.2340 V",
  "analog_2 0.0000 V",
  "analog_3 3.3000 V",
  "analog_4 2.0001 V",
  "output_1 1 bool",
  "output_2 0 bool",
  "output_3 0 bool",
];

const fciMessage =
  '{"id":"018e-bad-uuid","channel":"device.FCI-A1B2C3.telemetry","timestamp":"2026-02-10T00:00:05Z","ttl_seconds":3600,"source":{"type":"fci","id":"FCI-A1B2C3","device_serial":"A0:B1:C2:D3:E4:F8","firmware":"1.0.0"},"message_type":"fci_telemetry","payload":{"bioelectric":{"amplitude_uv":12.5,"rms_uv":4.25,"mean_uv":0.10,"std_uv":4.2,"dominant_freq_hz":1.5,"total_power":18.06,"snr_db":9.5,"pattern":"growth","pattern_confidence":0.65,"sample_count":128},"environment":{"temperature_c":22.1,"humidity_pct":55,"pressure_hpa":1009.5,"voc_index":120.4},"status":{"uptime_ms":5100,"wifi_rssi":-61,"impedance_ohms":10250,"stimulus_active":false}}}';

const fciSamples =
  '{"type":"sample","device_id":"FCI-A1B2C3","timestamp":"2026-02-10T00:00:05Z","channels":[{"channel":1,"value":0.125,"unit":"mV"},{"channel":"ref","value":-3,"unit":"mV"}],"impedance":[10250,9800.5],"sample_rate":128}';

function fieldLine(slot: string, address: string, pressure: number, valid: boolean): string {
  const accuracy = slot === "amb" ? 1 : 0;
  return `{"type":"telemetry","device_id":"mycobrain-sidea-10b41d","node_id":"side-a","role":"side_a","sensor_slot":"${slot}","address":"${address}","fw_version":"recovery-operator-bsec2-v0.7","config_version":"bsec2-default-lp","bsec_version":"2.6.1.0","chip_id":"0x61","variant_id":"0x01","present":true,"valid":${valid},"ts_ms":3600500,"uptime_s":3600,"boot_count":7,"location":{"lat":32.7157,"lon":-117.1611,"source":"config"},"new_data":true,"measuring":true,"gas_measuring":false,"gas_meas_index":0,"sub_meas_index":4,"gas_valid":true,"heat_stable":true,"stabilization_status":1,"run_in_status":1,"output_accuracy":${accuracy},"bsec_status_code":0,"bme68x_status_code":0,"temperature_c_comp":21.87,"temperature_f_comp":71.37,"humidity_pct_comp":48.20,"gas_resistance_ohm_comp":90211,"ambient_temperature_c":23.10,"ambient_temperature_f":73.58,"ambient_humidity_pct":45.00,"iaq":62.1,"iaq_static":58.4,"iaq_accuracy":${accuracy},"eco2_ppm":640,"bvoc_ppm":0.81,"gas_percentage":12.5,"pressure_hpa":${pressure},"gas_resistance_ohm":88100,"gas_estimate_1":0.70,"gas_estimate_2":0.20,"gas_estimate_3":0.08,"gas_estimate_4":0.02,"gas_estimate_accuracy":0,"temp_offset_c":-1.25,"sample_rate_mode":"lp","heater_profile_id":"default","model_type":"none","class_count":4}`;
}

/** @param quality of what BSEC estimates @param measured of what is measured */
function fieldReadings(slot: string, pressure: readonly string[], quality: number, measured: number): readonly Meant[] {
  const q = (worst: number): string => (worst === 0 ? "" : ` ${worst}`);
  const valid = measured === 0 ? 1 : 0;
  const estimated = Math.max(quality, measured);
  return [
    `present 1 bool`,
    `valid ${valid} bool`,
    "uptime 3600 s",
    "boot_count 7 count",
    "new_data 1 bool",
    "measuring 1 bool",
    "gas_measuring 0 bool",
    "gas_meas_index 0 -",
    "sub_meas_index 4 -",
    "gas_valid 1 bool",
    "heat_stable 1 bool",
    "stabilization_status 1 -",
    "run_in_status 1 -",
    `output_accuracy ${slot === "amb" ? 1 : 0} -`,
    "bsec_status_code 0 -",
    "bme68x_status_code 0 -",
    `temp 21.87 C${q(measured)}`,
    "temp_f 71.37 F",
    `humidity 48.20 %RH${q(measured)}`,
    `gas_resistance_comp 90211 Ohm${q(measured)}`,
    "temp_raw 23.10 C",
    "temp_raw_f 73.58 F",
    "humidity_raw 45.00 %RH",
    `iaq 62.1 index${q(estimated)}`,
    `iaq_static 58.4 index${q(estimated)}`,
    `iaq_accuracy ${slot === "amb" ? 1 : 0} index`,
    `co2_equivalent 640 ppm${q(estimated)}`,
    `voc_equivalent 0.81 ppm${q(estimated)}`,
    `gas_percentage 12.5 %${q(estimated)}`,
    `pressure ${pressure[0]}`,
    ...(pressure.length > 1 ? ["pressure_suspect 1 bool"] : []),
    `gas_resistance 88100 Ohm${q(measured)}`,
    "gas_estimate_accuracy 0 -",
    "temp_offset_c -1.25 -",
    "class_count 4 -",
  ].map((meant) => (/^(uptime|boot_count) /.test(meant) ? meant : `${slot}.${meant}`));
}

function legacyBody(): Uint8Array {
  const body = new Uint8Array(188);
  const view = new DataView(body.buffer);
  view.setUint16(0, mdp.magic, true);
  body.set([mdp.version, mdpTypes.TELEMETRY], 2);
  view.setUint32(8, 123_456, true);
  for (const [index, count] of [100, 200, 300, 4095].entries()) view.setUint16(12 + 2 * index, count, true);
  for (const [index, volts] of [0.1, 1.25, 3.3, 0].entries()) view.setFloat32(20 + 4 * index, volts, true);
  body.set([1, 0, 1], 36);
  body.set([2, 0, 0, 0], 40);
  body.set([0x76, 0x77], 44);
  body.set([0x77, 0x76], 108);
  body.set([0x61, 0x61], 112);
  return body;
}

function wifisenseBody({
  csiLength,
  csiFormat,
}: {
  readonly csiLength: number;
  readonly csiFormat: number;
}): Uint8Array {
  const body = new Uint8Array(570);
  const view = new DataView(body.buffer);
  view.setUint32(0, 4_000_000_000, true);
  body.set([3, 6, 20], 4);
  view.setInt8(7, -57);
  view.setUint16(8, csiLength, true);
  body[10] = csiFormat;
  view.setUint16(11, 64, true);
  body[13] = 1;
  for (const [index, value] of [1, -2, -3, 4].entries()) view.setInt16(14 + 2 * index, value, true);
  for (const [index, value] of [0, 0.5, 9.81, 1, -1, 0.25, 30, -12.5, 44].entries()) {
    view.setFloat32(526 + 4 * index, value, true);
  }
  view.setFloat32(562, 21.7, true);
  view.setFloat32(566, Number.NaN, true);
  return body;
}

/** The humidity is no number, so there is no reading of it. */
const wifisenseReadings: readonly Meant[] = [
  "wifi.link_id 3 -",
  "wifi.channel 6 -",
  "wifi.bandwidth 20 -",
  "rssi -57 dBm",
  "wifi.subcarriers 64 count",
  "wifi.antennas 1 count",
  "accelerometer.x 0 -",
  "accelerometer.y 0.5 -",
  "accelerometer.z 9.81 -",
  "gyro.x 1 -",
  "gyro.y -1 -",
  "gyro.z 0.25 -",
  "compass.x 30 -",
  "compass.y -12.5 -",
  "compass.z 44 -",
  "temp 21.7 C",
];

function frameOf(codec: GoldenCodec, header: Header, body: Uint8Array): Uint8Array {
  const packet = new Uint8Array(mdp.headerBytes + body.length);
  const view = new DataView(packet.buffer);
  view.setUint16(0, mdp.magic, true);
  packet.set([mdp.version, header.type], 2);
  view.setUint32(4, header.seq, true);
  view.setUint32(8, header.ack, true);
  packet.set([header.flags, header.src, header.dst, 0], 12);
  packet.set(body, mdp.headerBytes);
  const crc = codec.crc16(packet);
  return concat(codec.encodeCobs(concat(packet, Uint8Array.of(crc & 0xff, crc >> 8))), bytesOf("00"));
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let digit = 0; digit < 4; digit++) {
      text += at + digit > bytes.length ? "=" : base64Digits[(group >> (18 - 6 * digit)) & 63];
    }
  }
  return text;
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
