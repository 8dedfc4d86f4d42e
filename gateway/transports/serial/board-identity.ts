/**
 * Which device an unsigned board on a port is. A board that tells its MAC is known by it, on whatever port. Else a port
 * remembers its board through the registry; a board on a new port is enrolled by itself, under the id it gives in HELLO if
 * no other device has it (generation-B ids are not unique, wire-facts §4.2), else under the port's name. Messages that
 * come before that is settled wait for it.
 */
import { GatewayError } from "../../../src/errors.ts";
import { deviceIdPattern } from "../../../src/registry/device.ts";
import type { Hello, SerialMessage } from "../../../src/serial/dialect.ts";
import { portDeviceId } from "./port-name.ts";
import type { SerialLog, SerialRegistry } from "./serial-registry.ts";

export interface BoardIdentityOptions {
  readonly port: string;
  /** What the port is, which begins the id of a board that names none. */
  readonly kind?: "serial" | "udp";
  readonly registry: SerialRegistry;
  /** How long to wait for a HELLO. */
  readonly identifyMs: number;
  /** Ask the board to say who it is; it may have booted before the gateway listened. */
  readonly ask: () => void;
  readonly log: SerialLog;
}

type Waiter = (deviceId: string) => void;

/** The id of a board that is known by its MAC. Ids that boards claim are shorter. */
const macId = (mac: string): string => `mycobrain-${mac}`;
const isMacId = (id: string): boolean => /^mycobrain-[0-9a-f]{12}$/.test(id);
/** A port's name may be taken by a device that an operator enrolled. */
const attempts = ["", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9"];

export class BoardIdentity {
  readonly #options: BoardIdentityOptions;
  #deviceId: string | undefined;
  #hello: Hello | undefined;
  #mac: string | undefined;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #deciding = false;

  constructor(options: BoardIdentityOptions) {
    this.#options = options;
    this.#deviceId = options.registry.deviceForPort(options.port);
  }

  get deviceId(): string | undefined {
    return this.#deviceId;
  }

  /** Messages that wait. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Call `then` with the id of the board, at once or when it is settled, in the order of the calls. */
  resolve(message: SerialMessage, then: Waiter): void {
    if (message.mac !== undefined && message.mac !== this.#mac) this.#meetMac(message.mac);
    if (message.hello) this.#meet(message.hello);
    if (this.#deviceId !== undefined) {
      then(this.#deviceId);
      return;
    }
    // What no board can be recognised by must not enrol one; ingest keeps it aside under the port's name.
    if (!message.fromBoard && this.#waiters.length === 0) {
      then(this.#portDeviceId());
      return;
    }
    this.#waiters.push(then);
    if (this.#hello?.deviceId !== undefined || message.sayAll) {
      this.decide();
    } else if (this.#timer === undefined && !this.#deciding) {
      this.#timer = setTimeout(() => this.decide(), this.#options.identifyMs);
      this.#options.ask();
    }
  }

  /** Wait no longer for a HELLO. */
  decide(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#deciding || this.#waiters.length === 0) return;
    this.#deciding = true;
    void this.#enrol().then((deviceId) => {
      this.#deciding = false;
      this.#deviceId = deviceId;
      const waiters = this.#waiters;
      this.#waiters = [];
      // Not enrolled: ingest says so of each message, and the next one starts over.
      for (const then of waiters) then(deviceId ?? this.#portDeviceId());
    });
  }

  #portDeviceId(): string {
    return portDeviceId(this.#options.port, this.#options.kind);
  }

  #meet(hello: Hello): void {
    // Side-B names no id; what it says of itself counts only while Side-A has said nothing.
    if (hello.deviceId === undefined && this.#hello?.deviceId !== undefined) return;
    this.#hello = hello;
    if (
      this.#deviceId !== undefined &&
      hello.firmware !== "" &&
      (hello.deviceId !== undefined || this.#mac !== undefined)
    ) {
      this.#options.registry.reportFirmware(this.#deviceId, hello.firmware);
    }
  }

  /** Another board than the one before, or one that is met on another port than before. */
  #meetMac(mac: string): void {
    this.#mac = mac;
    this.#deviceId = this.#known();
  }

  /** The device that this board is already. */
  #known(): string | undefined {
    const { registry, port } = this.#options;
    const bound = registry.deviceForPort(port);
    if (this.#mac === undefined) return bound;
    const id = macId(this.#mac);
    if (registry.isBoard(id)) return id;
    // A board that was met on this port while its firmware told no MAC keeps its name.
    return bound !== undefined && !isMacId(bound) ? bound : undefined;
  }

  /** @returns the id that the board now has, or undefined where the registry could take none */
  async #enrol(): Promise<string | undefined> {
    const { port, registry, log } = this.#options;
    // Enrolled by what was waiting when the port was last lost.
    const known = this.#known();
    if (known !== undefined) return known;
    const { deviceId: claimed, role = "", firmware = "" } = this.#hello ?? {};
    const names = attempts.map((suffix) => `${this.#portDeviceId()}${suffix}`);
    if (this.#mac !== undefined) names.unshift(macId(this.#mac));
    else if (claimed !== undefined && deviceIdPattern.test(claimed)) names.unshift(claimed);
    for (const id of names) {
      if (!registry.isFree(id)) continue;
      try {
        await registry.enrolUnsigned({ id, port, role, firmware });
        log.info({ port, deviceId: id, claimed, role, firmware }, "board enrolled by its port");
        return id;
      } catch (error) {
        // Boards of a batch that are met together all claim one id: another one has it by now.
        if (error instanceof GatewayError && (error.code === "DEVICE_BUSY" || error.code === "DEVICE_EXISTS")) continue;
        log.warn({ port, deviceId: id, err: error }, "board on a port could not be enrolled");
        return undefined;
      }
    }
    return undefined;
  }
}
