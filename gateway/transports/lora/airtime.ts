/** What may be sent by radio, and when: one budget of time on air for all, and one for each device. docs/adr/0088 */
import { airtimeSeconds, type LoraModulation } from "../../../src/lora/airtime.ts";
import { AirtimeBudget } from "../../../src/lora/airtime-budget.ts";
import type { AirtimeReport } from "../../http/services.ts";

export interface AirtimeOptions {
  readonly modulation: LoraModulation;
  readonly dutyCycle: number;
  readonly deviceDutyCycle: number;
}

const windowMs = 3_600_000;
/** Devices whose airtime is known at a time. */
const maxDevices = 4_096;

interface Device {
  readonly up: AirtimeBudget;
  readonly down: AirtimeBudget;
}

export class Airtime {
  readonly #options: AirtimeOptions;
  readonly #all: AirtimeBudget;
  readonly #devices = new Map<string, Device>();

  constructor(options: AirtimeOptions) {
    this.#options = options;
    this.#all = new AirtimeBudget(options.dutyCycle, windowMs);
  }

  seconds(frame: Uint8Array | number): number {
    return airtimeSeconds(typeof frame === "number" ? frame : frame.length, this.#options.modulation);
  }

  heard(deviceId: string, bytes: number, nowMs: number): void {
    this.#device(deviceId).up.spend(this.seconds(bytes), nowMs);
  }

  /** @returns ms until a frame of so many seconds may be sent to the device: 0 now, Infinity never */
  waitMs(deviceId: string, seconds: number, nowMs: number): number {
    return Math.max(this.#all.waitMs(seconds, nowMs), this.#device(deviceId).down.waitMs(seconds, nowMs));
  }

  sent(deviceId: string, seconds: number, nowMs: number): void {
    this.#all.spend(seconds, nowMs);
    this.#device(deviceId).down.spend(seconds, nowMs);
  }

  report(nowMs: number): AirtimeReport {
    const { dutyCycle, deviceDutyCycle } = this.#options;
    const windowSeconds = windowMs / 1_000;
    return {
      windowSeconds,
      budgetSeconds: dutyCycle * windowSeconds,
      usedSeconds: this.#all.usedSeconds(nowMs),
      deviceBudgetSeconds: deviceDutyCycle * windowSeconds,
      devices: [...this.#devices].map(([deviceId, { up, down }]) => ({
        deviceId,
        upSeconds: up.usedSeconds(nowMs),
        downSeconds: down.usedSeconds(nowMs),
      })),
    };
  }

  #device(id: string): Device {
    const known = this.#devices.get(id);
    if (known) return known;
    if (this.#devices.size >= maxDevices) this.#devices.delete(this.#devices.keys().next().value!);
    const device = {
      up: new AirtimeBudget(1, windowMs),
      down: new AirtimeBudget(this.#options.deviceDutyCycle, windowMs),
    };
    this.#devices.set(id, device);
    return device;
  }
}
