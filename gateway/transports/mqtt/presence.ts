import type { Principal } from "./connection.ts";

/** Which devices are connected, whatever the number of their connections. */
export class Presence {
  readonly #connections = new Map<string, number>();
  readonly #onChange: (deviceId: string, isOnline: boolean) => void;

  constructor(onChange: (deviceId: string, isOnline: boolean) => void) {
    this.#onChange = onChange;
  }

  joined({ deviceId }: Principal): void {
    if (deviceId === undefined) return;
    const count = this.#connections.get(deviceId) ?? 0;
    this.#connections.set(deviceId, count + 1);
    if (count === 0) this.#onChange(deviceId, true);
  }

  left({ deviceId }: Principal): void {
    if (deviceId === undefined) return;
    const count = this.#connections.get(deviceId)! - 1;
    if (count > 0) this.#connections.set(deviceId, count);
    else this.#connections.delete(deviceId);
    if (count === 0) this.#onChange(deviceId, false);
  }
}
