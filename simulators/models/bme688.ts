/** A MycoBrain with a BME688 or BME690 that signs its own readings. */
import type { Reading } from "../../src/reading.ts";
import { Battery } from "../physics/battery.ts";
import { GasSensor } from "../physics/gas-sensor.ts";
import { EnvelopeModel, measured, qualityOf } from "./envelope-model.ts";
import type { DeviceContext, Family } from "./model.ts";

const awakeAmps = 0.045;

class Bme688 extends EnvelopeModel {
  readonly #sensor: GasSensor;
  readonly #battery: Battery;

  constructor(context: DeviceContext) {
    super(context, "mushroom1");
    this.#sensor = new GasSensor(context.random.fork("sensor"));
    this.#battery = new Battery(6.8, context.random.between(0.7, 1));
  }

  protected override reset(epochMs: number): void {
    this.#sensor.reboot(epochMs);
  }

  protected override readings(epochMs: number): Reading[] {
    const sample = this.#sensor.at(epochMs);
    const quality = qualityOf(sample.accuracy);
    // A small panel charges by day what the board uses at night.
    this.#battery.drain(awakeAmps - 0.15 * sample.daylight, this.context.intervalMs / 1000);
    return [
      measured("temp", sample.temperature, 2),
      measured("humidity", sample.humidity, 1),
      measured("pressure", sample.pressure, 0),
      measured("gas_resistance", sample.gasOhm, 0, quality),
      measured("iaq", sample.iaq, 1, quality),
      measured("iaq_accuracy", sample.accuracy, 0),
      measured("co2_equivalent", sample.co2Equivalent, 0, quality),
      measured("voc_equivalent", sample.vocEquivalent, 2, quality),
      measured("battery_mv", this.#battery.volts * 1000, 0),
    ];
  }
}

export const bme688: Family = {
  summary: "BME688/690 board with BSEC, signed envelopes",
  transports: ["mqtt", "mqtts", "ws", "serial", "udp"],
  intervalSeconds: 60,
  faults: ["corrupt", "wrongKey", "conflict"],
  create: (context) => new Bme688(context),
};
