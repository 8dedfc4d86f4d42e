import { deviceIdPattern } from "../../src/registry/device.ts";
import type { Registry } from "../registry/registry.ts";
import type { SerialRegistry, UnsignedBoard } from "../transports/serial/serial-registry.ts";

/** The registry as ports see it: a board belongs to the port it was first met on. */
export class PortRegistry implements SerialRegistry {
  readonly #registry: Registry;
  readonly #kind: string;
  readonly #onFailure: (error: unknown) => void;

  /** @param kind of the ports, as in a device's `transport`: `serial`, `udp`, … */
  constructor(registry: Registry, kind: string, onFailure: (error: unknown) => void) {
    this.#registry = registry;
    this.#kind = kind;
    this.#onFailure = onFailure;
  }

  deviceForPort(port: string): string | undefined {
    // A revoked one too: its frames belong in quarantine, not under a fresh id.
    return this.#registry.list().findLast(({ transport }) => transport === this.#boundTo(port))?.id;
  }

  isBoard(id: string): boolean {
    const device = this.#registry.find(id);
    return device !== undefined && device.keys.length === 0 && device.transport.startsWith(this.#boundTo(""));
  }

  roleOf(id: string): string {
    return this.#registry.find(id)?.role ?? "";
  }

  isFree(id: string): boolean {
    return deviceIdPattern.test(id) && this.#registry.find(id) === undefined;
  }

  async enrolUnsigned({ id, port, role, firmware }: UnsignedBoard): Promise<void> {
    await this.#registry.enrol({ id, publicKey: undefined, role, transport: this.#boundTo(port) });
    if (firmware !== "") await this.#registry.reportFirmware(id, firmware);
  }

  reportFirmware(id: string, firmware: string): void {
    this.#registry.reportFirmware(id, firmware).catch(this.#onFailure);
  }

  #boundTo(port: string): string {
    return `${this.#kind}:${port}`;
  }
}
