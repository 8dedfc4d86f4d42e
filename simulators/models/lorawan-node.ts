/** A LoRaWAN node: a small signed envelope in each uplink, told by its network server as ChirpStack v4 tells it. */
import type { Reading } from "../../src/reading.ts";
import { Battery } from "../physics/battery.ts";
import { Climate } from "../physics/climate.ts";
import { EnvelopeModel, measured } from "./envelope-model.ts";
import type { DeviceContext, Family } from "./model.ts";

/** Asleep nearly all the time. */
const meanAmps = 0.000_3;

class LorawanNode extends EnvelopeModel {
  readonly #climate: Climate;
  readonly #battery: Battery;

  constructor(context: DeviceContext) {
    super(context, "mushroom1");
    this.#climate = new Climate(context.random.fork("climate"));
    this.#battery = new Battery(2.6, context.random.between(0.4, 1));
  }

  protected override reset(): void {}

  protected override readings(epochMs: number): Reading[] {
    const { temperature, humidity, pressure } = this.#climate.at(epochMs);
    this.#battery.drain(meanAmps, this.context.intervalMs / 1000);
    return [
      measured("temp", temperature, 1),
      measured("humidity", humidity, 1),
      measured("pressure", pressure, 0),
      measured("battery_mv", this.#battery.volts * 1000, 0),
    ];
  }
}

export const lorawanNode: Family = {
  summary: "LoRaWAN node with signed envelopes, behind a network server like ChirpStack",
  transports: ["lorawan"],
  intervalSeconds: 900,
  faults: ["corrupt", "wrongKey", "conflict"],
  create: (context) => new LorawanNode(context),
};
