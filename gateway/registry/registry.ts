/**
 * The running registry: decisions become ledger events first and take effect once those are durable.
 * docs/adr/0002 says why the ledger, and not the database, is where a device is enrolled.
 */
import { checkDevicePublicKey } from "../../src/codec/device-key.ts";
import { GatewayError } from "../../src/errors.ts";
import type { EventEntry } from "../../src/ledger/types.ts";
import { type Device, deviceIdPattern } from "../../src/registry/device.ts";
import { DeviceTable } from "../../src/registry/device-table.ts";
import { eventEntry, type RegistryEvent, registryEvent } from "../../src/registry/events.ts";
import type { Decider, EnrolRequest, RegistryService } from "../http/services.ts";
import type { EventLog } from "./event-log.ts";

export interface RegistryOptions {
  readonly events: EventLog;
  readonly nowUs: () => number;
  /** Called after every change, before the promise of the decision resolves. */
  readonly onChange: (devices: readonly Device[]) => void;
}

export class Registry implements RegistryService {
  readonly #table = new DeviceTable();
  readonly #lastSeenUs = new Map<string, number>();
  /** Ids with a decision on its way to the disk: a second one must not be taken on the state before it. */
  readonly #deciding = new Set<string>();
  readonly #options: RegistryOptions;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#table.size;
  }

  list(): readonly Device[] {
    return this.#table.list();
  }

  find(id: string): Device | undefined {
    return this.#table.find(id);
  }

  lastSeenUs(id: string): number | undefined {
    return this.#lastSeenUs.get(id);
  }

  /** Ids that are not enrolled are not remembered: anybody could name any number of them. */
  seen(id: string, atUs: number): void {
    if (this.#table.find(id)) this.#lastSeenUs.set(id, atUs);
  }

  /** Apply an event found in the journal at start. */
  replay(entry: EventEntry): void {
    const event = registryEvent(entry);
    if (event) this.#table.apply(event, entry.receivedUs);
  }

  async enrol(
    { id, publicKey, name, role, transport, sparseSigning = false }: EnrolRequest,
    by?: Decider,
  ): Promise<Device> {
    if (!deviceIdPattern.test(id))
      throw new GatewayError("DEVICE_ID_INVALID", `"${id.slice(0, 80)}" is not a device id`);
    if (publicKey) requireSoundKey(publicKey);
    if (this.#table.find(id)) throw new GatewayError("DEVICE_EXISTS", `device ${id} is enrolled`);
    const event = { type: "device.enrolled", id, publicKey, sparseSigning } as const;
    return this.#decide({ ...event, name: name ?? id, role: role ?? "", transport: transport ?? "" }, by);
  }

  async rotate(id: string, publicKey: Uint8Array, overlapSeconds: number, by?: Decider): Promise<Device> {
    const device = this.#active(id);
    requireSoundKey(publicKey);
    const epoch = (device.keys.at(-1)?.epoch ?? 0) + 1;
    const previousValidUntilUs = this.#options.nowUs() + overlapSeconds * 1_000_000;
    return this.#decide({ type: "device.key_rotated", id, epoch, publicKey, previousValidUntilUs }, by);
  }

  async revoke(id: string, reason: string, by?: Decider): Promise<Device> {
    this.#active(id);
    return this.#decide({ type: "device.revoked", id, reason }, by);
  }

  async setSparseSigning(id: string, allowed: boolean, by?: Decider): Promise<Device> {
    const device = this.#active(id);
    if (device.sparseSigning === allowed) return device;
    return this.#decide({ type: "device.sparse_signing_set", id, allowed }, by);
  }

  /** What a device reports of itself; an entry only when it changes. */
  async reportFirmware(id: string, firmware: string): Promise<void> {
    const device = this.#table.find(id);
    if (!device || device.firmware === firmware || this.#deciding.has(id)) return;
    await this.#decide({ type: "device.firmware", id, firmware });
  }

  #active(id: string): Device {
    const device = this.#table.find(id);
    if (!device) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id.slice(0, 80)}`);
    if (device.revokedUs !== undefined) throw new GatewayError("DEVICE_REVOKED", `device ${id} is revoked`);
    return device;
  }

  async #decide(event: RegistryEvent, by?: Decider): Promise<Device> {
    if (this.#deciding.has(event.id))
      throw new GatewayError("DEVICE_BUSY", `another decision about ${event.id} is under way`);
    this.#deciding.add(event.id);
    try {
      const atUs = this.#options.nowUs();
      await this.#options.events.append(eventEntry(event, atUs, by));
      const device = this.#table.apply(event, atUs);
      if (!device) throw new GatewayError("INTERNAL", `${event.type} of ${event.id} changed nothing`);
      this.#options.onChange([device]);
      return device;
    } finally {
      this.#deciding.delete(event.id);
    }
  }
}

function requireSoundKey(publicKey: Uint8Array): void {
  const checked = checkDevicePublicKey(publicKey);
  if (!checked.ok) throw new GatewayError("PUBLIC_KEY_INVALID", checked.detail);
}
