/** Firmware that prints lines instead of frames. One model, and for each firmware what its lines are. wire-facts §5, §6 */
import { type GasSample, GasSensor } from "../physics/gas-sensor.ts";
import type { Random } from "../random.ts";
import { brokenLines, rounded, storedLine, textLine } from "./board.ts";
import type { DeviceContext, Family, Model, Outgoing, Twist } from "./model.ts";

/** A board at the moment it prints. */
interface Moment {
  readonly context: DeviceContext;
  readonly random: Random;
  readonly sample: GasSample;
  readonly other: GasSample;
  readonly uptimeMs: number;
  readonly boots: number;
  /** Of this boot, from 1. */
  readonly seq: number;
}

interface Firmware {
  /** Lines that are messages. */
  readonly lines: (moment: Moment) => readonly string[];
  readonly boot?: (context: DeviceContext) => readonly string[];
  /** Printed at boot for people. */
  readonly greeting?: string;
  /** Its lines carry a counter. */
  readonly isNumbered?: boolean;
  /** Its answer to a line that it reads. */
  readonly answer?: (line: string, uptimeMs: number) => string;
}

class LineBoard implements Model {
  readonly #context: DeviceContext;
  readonly #firmware: Firmware;
  readonly #ambient: GasSensor;
  readonly #environment: GasSensor;
  #bootMs = 0;
  #boots = 0;
  #seq = 0;

  constructor(context: DeviceContext, firmware: Firmware) {
    this.#context = context;
    this.#firmware = firmware;
    this.#ambient = new GasSensor(context.random.fork("amb"));
    this.#environment = new GasSensor(context.random.fork("env"));
  }

  boot(nowMs: number): Outgoing[] {
    const { boot, greeting } = this.#firmware;
    this.#bootMs = nowMs;
    this.#boots++;
    this.#seq = 0;
    for (const sensor of [this.#ambient, this.#environment]) sensor.reboot(this.#context.epochMs + nowMs);
    return [
      ...(greeting === undefined ? [] : [textLine(greeting)]),
      ...(boot?.(this.#context) ?? []).map((line) => storedLine(line)),
    ];
  }

  tick(nowMs: number): Outgoing[] {
    return this.#lines(nowMs).map((line) => storedLine(line, { numbered: this.#firmware.isNumbered === true }));
  }

  hear(bytes: Uint8Array, nowMs: number): Outgoing[] {
    const { answer } = this.#firmware;
    if (!answer) return [];
    const lines = Buffer.from(bytes)
      .toString("latin1")
      .split(/[\r\n]+/);
    const read = lines.filter((line) => /^[\x20-\x7e]+$/.test(line));
    return read.map((line) => storedLine(answer(line, Math.round(nowMs - this.#bootMs))));
  }

  twisted(_twist: Twist, nowMs: number): Outgoing[] {
    const [first] = this.#lines(nowMs);
    const [second] = this.#lines(nowMs + 1);
    return brokenLines(first!, second!, this.#context.random);
  }

  #lines(nowMs: number): readonly string[] {
    const { context } = this;
    return this.#firmware.lines({
      context,
      random: context.random,
      sample: this.#ambient.at(context.epochMs + nowMs),
      other: this.#environment.at(context.epochMs + nowMs),
      uptimeMs: Math.round(nowMs - this.#bootMs),
      boots: this.#boots,
      seq: ++this.#seq,
    });
  }

  get context(): DeviceContext {
    return this.#context;
  }
}

function lineFamily(summary: string, intervalSeconds: number, firmware: Firmware): Family {
  return {
    summary,
    intervalSeconds,
    transports: ["serial"],
    faults: ["brokenLine"],
    create: (context) => new LineBoard(context, firmware),
  };
}

export const production = lineFamily("production Side-A 1.0.0 in machine mode: JSON lines", 10, {
  greeting: "MycoBrain Side-A production 1.0.0, type help",
  lines: ({ context, random, uptimeMs }) => [
    JSON.stringify({
      type: "telemetry",
      ts: uptimeMs,
      board_id: context.mac.toUpperCase(),
      device_role: "mushroom1",
      ...Object.fromEntries([1, 2, 3, 4].map((n) => [`ai${n}_voltage`, rounded(0.7 * n + random.normal(0.01), 3)])),
      mosfet_states: [true, false, false],
      i2c_addresses: [118, 119],
      firmware_version: "1.0.0",
      uptime_seconds: Math.floor(uptimeMs / 1000),
    }),
  ],
});

export const bsec2 = lineFamily("BSEC2 device manager 2.1.0: JSON lines with a counter", 2, {
  isNumbered: true,
  boot: ({ mac }) => [
    JSON.stringify({
      type: "boot",
      ok: true,
      hello: "mycobrain.sideA.bsec2",
      version: "2.1.0",
      node_id: `A-${mac.toUpperCase()}`,
      mac: mac.toUpperCase().match(/../g)!.join(":"),
      role: "side-a",
      baud: 115200,
    }),
  ],
  lines: ({ context, sample, uptimeMs, seq }) => [
    JSON.stringify({
      type: "tele",
      seq,
      t_ms: uptimeMs,
      node: `A-${context.mac.toUpperCase()}`,
      uptime_s: Math.floor(uptimeMs / 1000),
      uptime_seconds: Math.floor(uptimeMs / 1000),
      bme688_count: 2,
      temperature: rounded(sample.temperature, 2),
      humidity: rounded(sample.humidity, 2),
      pressure: rounded(sample.pressure / 100, 2),
      gas_resistance: Math.round(sample.gasOhm),
      iaq: rounded(sample.iaq, 1),
      iaq_accuracy: sample.accuracy,
      co2_equivalent: rounded(sample.co2Equivalent, 1),
      voc_equivalent: rounded(sample.vocEquivalent, 2),
      gas_class: 1,
      gas_probability: rounded(Math.min(1, sample.iaq / 500), 3),
      firmware_version: "2.1.0",
      health: { heap: 210_000, i2c_ok: true },
    }),
  ],
});

export const scienceComms = lineFamily("ScienceComms 1.0.0: status and peripheral lists as JSON lines", 10, {
  greeting: "MycoBrain-ScienceComms ready",
  boot: ({ mac }) => [
    JSON.stringify({
      type: "periph_list",
      ts: 120,
      board_id: mac,
      peripherals: [118, 119].map((address) => ({
        uid: `i2c0-${address.toString(16)}`,
        address,
        type: "bme688",
        vendor: "Bosch",
        product: "BME688",
        present: true,
      })),
      count: 2,
    }),
  ],
  answer: (line, ts) => JSON.stringify({ type: "ack", cmd: line.split(" ")[0], message: "ok", ts }),
  lines: ({ context, uptimeMs, random }) => [
    JSON.stringify({
      type: "telemetry",
      ts: uptimeMs,
      board_id: context.mac,
      firmware: "MycoBrain-ScienceComms",
      version: "1.0.0",
      build: "release",
      uptime_ms: uptimeMs,
      mode: "machine",
      debug: false,
      led: { r: 0, g: random.below(256), b: 40 },
      buzzer: { active: false },
      outputs: Object.fromEntries(
        [1, 2, 3].map((n) => [`out${n}`, { state: n === 1, pwm: random.below(256), freq: 1000 }]),
      ),
    }),
  ],
});

export const morgio = lineFamily("morgio build: AMB and ENV lines, as text and as JSON", 3, {
  lines: ({ context, sample, other, uptimeMs }) =>
    context.index % 2 === 0
      ? [morgioText("AMB", "0x77", sample), morgioText("ENV", "0x76", other)]
      : [morgioJson("AMB", "0x77", sample, uptimeMs), morgioJson("ENV", "0x76", other, uptimeMs)],
});

function morgioText(
  slot: string,
  address: string,
  { temperature, humidity, pressure, gasOhm, ...more }: GasSample,
): string {
  return (
    `${slot} addr=${address} age=12ms T=${temperature.toFixed(2)}C RH=${humidity.toFixed(2)}% ` +
    `P=${(pressure / 100).toFixed(2)}hPa(raw=${pressure.toFixed(0)}) Gas=${gasOhm.toFixed(0)}Ohm ` +
    `IAQ=${more.iaq.toFixed(1)} acc=${more.accuracy} sIAQ=${more.iaq.toFixed(1)} ` +
    `CO2eq=${more.co2Equivalent.toFixed(1)} VOC=${more.vocEquivalent.toFixed(2)}`
  );
}

function morgioJson(sensor: string, addr: string, sample: GasSample, uptimeMs: number): string {
  return JSON.stringify({
    ts_ms: uptimeMs,
    sensor,
    addr,
    age: 12,
    tC: rounded(sample.temperature, 2),
    rh: rounded(sample.humidity, 2),
    p_hPa: rounded(sample.pressure / 100, 2),
    gas: Math.round(sample.gasOhm),
    iaq: rounded(sample.iaq, 1),
    acc: sample.accuracy,
    siaq: rounded(sample.iaq, 1),
    co2eq: rounded(sample.co2Equivalent, 1),
    voc: rounded(sample.vocEquivalent, 2),
  });
}

/** Both deployed boards say they are this one. */
const fieldId = "mycobrain-sidea-10b41d";

export const fieldBoard = lineFamily("deployed board with recovery-operator-bsec2-v0.7: a line per sensor", 3, {
  lines: (moment) => [fieldLine(moment, "amb", "0x77", moment.sample), fieldLine(moment, "env", "0x76", moment.other)],
});

function fieldLine({ uptimeMs, boots, random }: Moment, slot: string, address: string, sample: GasSample): string {
  return JSON.stringify({
    type: "telemetry",
    device_id: fieldId,
    node_id: fieldId,
    role: "side_a",
    sensor_slot: slot,
    address,
    fw_version: "recovery-operator-bsec2-v0.7",
    config_version: "bsec2-default-lp",
    bsec_version: "2.6.1.0",
    chip_id: "0x61",
    variant_id: "0x01",
    present: true,
    valid: true,
    ts_ms: uptimeMs,
    uptime_s: Math.floor(uptimeMs / 1000),
    boot_count: boots,
    location: { lat: 32.7157, lon: -117.1611, source: "config" },
    new_data: true,
    gas_valid: true,
    heat_stable: true,
    stabilization_status: sample.stabilised ? 1 : 0,
    run_in_status: sample.runIn ? 1 : 0,
    output_accuracy: sample.accuracy,
    bsec_status_code: 0,
    bme68x_status_code: 0,
    temperature_c_comp: rounded(sample.temperature - 1.2, 2),
    humidity_pct_comp: rounded(sample.humidity + 2, 2),
    ambient_temperature_c: rounded(sample.temperature, 2),
    ambient_humidity_pct: rounded(sample.humidity, 2),
    iaq: rounded(sample.iaq, 1),
    iaq_static: rounded(sample.iaq, 1),
    iaq_accuracy: sample.accuracy,
    eco2_ppm: rounded(sample.co2Equivalent, 1),
    bvoc_ppm: rounded(sample.vocEquivalent, 2),
    gas_percentage: rounded(Math.min(100, sample.iaq / 5), 1),
    // Not plausible for the place, as the audit found.
    pressure_hpa: rounded(652 + random.normal(1.5), 2),
    gas_resistance_ohm: Math.round(sample.gasOhm),
  });
}
