/** A drone's sorties: up, around a waypoint, back and down; the battery drains by what it does, and is changed on the ground. */
import type { Random } from "../random.ts";
import { Battery } from "./battery.ts";

export interface FlightState {
  readonly latitude: number;
  readonly longitude: number;
  /** Above the take-off place, m. */
  readonly height: number;
  /** Clockwise from north, degrees. */
  readonly heading: number;
  /** m/s */
  readonly groundSpeed: number;
  readonly climb: number;
  readonly armed: boolean;
  readonly phase: "ground" | "climb" | "cruise" | "return" | "land";
  /** 0–1 */
  readonly charge: number;
  /** Of the whole pack. */
  readonly volts: number;
  readonly amps: number;
  /** Number of the sortie, from 1. */
  readonly sortie: number;
}

const cells = 4;
const metresPerDegree = 111_320;
const home = { latitude: 32.7157, longitude: -117.1611 };
export const homeAltitude = 120;
const restSeconds = 60;
const climbRate = 2.5;
const speed = 9;
const amps = { ground: 0.4, climb: 26, cruise: 15, return: 15, land: 12 } as const;
/** It turns back with this much left. */
const reserve = 0.3;

export class Flight {
  readonly #random: Random;
  readonly #ceiling: number;
  readonly #radius: number;
  #battery = new Battery(5.2);
  #phase: FlightState["phase"] = "ground";
  #inPhaseSeconds = 0;
  #north = 0;
  #east = 0;
  #height = 0;
  #heading = 0;
  #sortie = 0;
  #lastMs: number | undefined;

  constructor(random: Random) {
    this.#random = random;
    this.#ceiling = random.between(25, 80);
    this.#radius = random.between(60, 220);
  }

  /** @param nowMs not before the last one asked for */
  at(nowMs: number): FlightState {
    // In steps: the battery and the phases do not depend on how often one looks.
    for (let left = Math.max(0, nowMs - (this.#lastMs ?? nowMs)) / 1000; left > 0; left -= 1)
      this.#fly(Math.min(1, left));
    this.#lastMs = nowMs;
    const isMoving = this.#phase === "cruise" || this.#phase === "return";
    const current = amps[this.#phase] * (1 + this.#random.normal(0.02));
    return {
      latitude: home.latitude + this.#north / metresPerDegree,
      longitude: home.longitude + this.#east / (metresPerDegree * Math.cos((home.latitude * Math.PI) / 180)),
      height: Math.max(0, this.#height + (this.#phase === "ground" ? 0 : this.#random.normal(0.15))),
      heading: ((this.#heading % 360) + 360) % 360,
      groundSpeed: isMoving ? speed + this.#random.normal(0.3) : 0,
      climb: this.#phase === "climb" ? climbRate : this.#phase === "land" ? -climbRate / 2 : 0,
      armed: this.#phase !== "ground",
      phase: this.#phase,
      charge: this.#battery.charge,
      volts: cells * this.#battery.volts - 0.02 * current,
      amps: current,
      sortie: this.#sortie,
    };
  }

  #fly(seconds: number): void {
    this.#inPhaseSeconds += seconds;
    this.#battery.drain(amps[this.#phase], seconds);
    switch (this.#phase) {
      case "ground":
        if (this.#inPhaseSeconds < restSeconds) return;
        this.#battery = new Battery(5.2);
        this.#sortie++;
        this.#heading = this.#random.between(0, 360);
        this.#enter("climb");
        return;
      case "climb":
        this.#height = Math.min(this.#ceiling, this.#height + climbRate * seconds);
        if (this.#height >= this.#ceiling) this.#enter("cruise");
        return;
      case "cruise":
        this.#circle(seconds);
        if (this.#battery.charge < reserve) this.#enter("return");
        return;
      case "return":
        if (this.#homeward(seconds)) this.#enter("land");
        return;
      case "land":
        this.#height = Math.max(0, this.#height - (climbRate / 2) * seconds);
        if (this.#height === 0) this.#enter("ground");
    }
  }

  #enter(phase: FlightState["phase"]): void {
    this.#phase = phase;
    this.#inPhaseSeconds = 0;
  }

  /** Outward until the radius, then along the circle. */
  #circle(seconds: number): void {
    const distance = Math.hypot(this.#north, this.#east);
    if (distance >= this.#radius) this.#heading = (Math.atan2(this.#east, this.#north) * 180) / Math.PI + 92;
    this.#move(seconds);
  }

  /** @returns whether it is there */
  #homeward(seconds: number): boolean {
    const distance = Math.hypot(this.#north, this.#east);
    if (distance < speed * seconds) {
      this.#north = 0;
      this.#east = 0;
      return true;
    }
    this.#heading = (Math.atan2(-this.#east, -this.#north) * 180) / Math.PI;
    this.#move(seconds);
    return false;
  }

  #move(seconds: number): void {
    const radians = (this.#heading * Math.PI) / 180;
    this.#north += Math.cos(radians) * speed * seconds;
    this.#east += Math.sin(radians) * speed * seconds;
  }
}
