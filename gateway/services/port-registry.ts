import { deviceIdPattern } from "../../src/registry/device.ts";
import type { Registry } from "../registry/registry.ts";
import type { SerialRegistry, UnsignedBoard } from "../transports/serial/serial-registry.ts";

/** The registry as serial ports see it: a board belongs to the port it was first met on. */
export class PortRegistry implements SerialRegistry {
  readonly #registry: Registry;
  readonly #onFailure: (error: unknown) => void;

  constructor(registry: Registry, onFailure: (error: unknown) => void) {
    this.#registry = registry;
    this.#onFailure = onFailure;
  }

  deviceForPort(port: string): string | undefined {
    // A revoked one too: its frames belong in quarantine, not under a fresh id.
    return this.#registry.list().findLast(({ transport }) => transport === boundTo(port))?.id;
  }

  isFree(id: string): boolean {
    return deviceIdPattern.test(id) && this.#registry.find(id) === undefined;
  }

  async enrolUnsigned({ id, port, role, firmware }: UnsignedBoard): Promise<void> {
    await this.#registry.enrol({ id, publicKey: undefined, role, transport: boundTo(port) });
    if (firmware !== "") await this.#registry.reportFirmware(id, firmware);
  }

  reportFirmware(id: string, firmware: string): void {
    this.#registry.reportFirmware(id, firmware).catch(this.#onFailure);
  }
}

function boundTo(port: string): string {
  return `serial:${port}`;
}
