/** The registry in memory: devices by id, folded from registry events in ledger order. */
import type { Device, KeyEpoch } from "./device.ts";
import type { RegistryEvent } from "./events.ts";

export class DeviceTable {
  readonly #devices = new Map<string, Device>();

  get size(): number {
    return this.#devices.size;
  }

  find(id: string): Device | undefined {
    return this.#devices.get(id);
  }

  /** In order of enrolment. */
  list(): readonly Device[] {
    return [...this.#devices.values()];
  }

  /** @returns the device as it is now, or undefined where the event changes none */
  apply(event: RegistryEvent, atUs: number): Device | undefined {
    const next = this.#next(event, atUs);
    if (next) this.#devices.set(next.id, next);
    return next;
  }

  #next(event: RegistryEvent, atUs: number): Device | undefined {
    const device = this.#devices.get(event.id);
    if (event.type === "device.enrolled") {
      // A second enrolment of an id cannot be written by this gateway; were one in the log, the first stands.
      if (device) return undefined;
      const { id, name, role, transport, publicKey } = event;
      const keys: KeyEpoch[] = publicKey ? [{ epoch: 1, publicKey, validFromUs: atUs, validUntilUs: undefined }] : [];
      const { sparseSigning = false } = event;
      return { id, name, role, transport, enrolledUs: atUs, revokedUs: undefined, keys, sparseSigning, firmware: "" };
    }
    if (!device) return undefined;
    switch (event.type) {
      case "device.key_rotated": {
        const older = device.keys.map((key) => ({
          ...key,
          validUntilUs: Math.min(key.validUntilUs ?? Number.POSITIVE_INFINITY, event.previousValidUntilUs),
        }));
        const key = { epoch: event.epoch, publicKey: event.publicKey, validFromUs: atUs, validUntilUs: undefined };
        return { ...device, keys: [...older, key] };
      }
      case "device.revoked":
        return { ...device, revokedUs: device.revokedUs ?? atUs };
      case "device.sparse_signing_set":
        return { ...device, sparseSigning: event.allowed };
      case "device.firmware":
        return { ...device, firmware: event.firmware };
      case "quarantine.released":
        return undefined;
    }
  }
}
