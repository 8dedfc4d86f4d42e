/**
 * Decisions about devices, as the ledger keeps them. The registry is nothing but these events applied in order, so a
 * gateway that lost everything but its journal still knows every device.
 */
import type { CborValue } from "../codec/cbor.ts";
import type { EventEntry } from "../ledger/types.ts";

export type RegistryEvent =
  | {
      readonly type: "device.enrolled";
      readonly id: string;
      readonly name: string;
      readonly role: string;
      readonly transport: string;
      /** Absent for an unsigned board. */
      readonly publicKey: Uint8Array | undefined;
      /** Absent: off. */
      readonly sparseSigning?: boolean;
    }
  | {
      readonly type: "device.key_rotated";
      readonly id: string;
      readonly epoch: number;
      readonly publicKey: Uint8Array;
      /** The epochs before this one are refused from then on, microseconds since 1970. */
      readonly previousValidUntilUs: number;
    }
  | { readonly type: "device.revoked"; readonly id: string; readonly reason: string }
  | { readonly type: "device.firmware"; readonly id: string; readonly firmware: string }
  | { readonly type: "device.sparse_signing_set"; readonly id: string; readonly allowed: boolean }
  | {
      readonly type: "quarantine.released";
      readonly id: string;
      readonly quarantineId: number;
      readonly leafIndex: number;
    };

/**
 * Snake-case body as written to the ledger; absent fields are left out.
 * @param by the operator who decided; undefined where the gateway did by itself
 */
export function eventEntry(event: RegistryEvent, receivedUs: number, by?: string): EventEntry {
  const body = new Map<string, CborValue>([["id", event.id]]);
  if (by !== undefined) body.set("by", by);
  switch (event.type) {
    case "device.enrolled":
      body.set("name", event.name).set("role", event.role).set("transport", event.transport);
      if (event.publicKey) body.set("public_key", event.publicKey);
      if (event.sparseSigning) body.set("sparse_signing", true);
      break;
    case "device.key_rotated":
      body.set("epoch", event.epoch).set("public_key", event.publicKey);
      body.set("previous_valid_until_us", event.previousValidUntilUs);
      break;
    case "device.revoked":
      body.set("reason", event.reason);
      break;
    case "device.sparse_signing_set":
      body.set("allowed", event.allowed);
      break;
    case "device.firmware":
      body.set("firmware", event.firmware);
      break;
    case "quarantine.released":
      body.set("quarantine_id", event.quarantineId).set("leaf_index", event.leafIndex);
      break;
  }
  return { kind: "event", type: event.type, receivedUs, body };
}

/** The event in a ledger entry, or undefined for an entry of a later version that this one does not know. */
export function registryEvent(entry: EventEntry): RegistryEvent | undefined {
  const { type, body } = entry;
  const id = text(body, "id");
  if (id === undefined) return undefined;
  switch (type) {
    case "device.enrolled":
      return {
        type,
        id,
        name: text(body, "name") ?? id,
        role: text(body, "role") ?? "",
        transport: text(body, "transport") ?? "",
        publicKey: bytes(body, "public_key"),
        sparseSigning: body.get("sparse_signing") === true,
      };
    case "device.key_rotated": {
      const publicKey = bytes(body, "public_key");
      const epoch = uint(body, "epoch");
      if (!publicKey || epoch === undefined) return undefined;
      return {
        type,
        id,
        epoch,
        publicKey,
        previousValidUntilUs: uint(body, "previous_valid_until_us") ?? entry.receivedUs,
      };
    }
    case "device.revoked":
      return { type, id, reason: text(body, "reason") ?? "" };
    case "device.sparse_signing_set":
      return { type, id, allowed: body.get("allowed") === true };
    case "device.firmware":
      return { type, id, firmware: text(body, "firmware") ?? "" };
    case "quarantine.released":
      return { type, id, quarantineId: uint(body, "quarantine_id") ?? -1, leafIndex: uint(body, "leaf_index") ?? -1 };
    default:
      return undefined;
  }
}

function text(body: Map<string, CborValue>, key: string): string | undefined {
  const value = body.get(key);
  return typeof value === "string" ? value : undefined;
}

function uint(body: Map<string, CborValue>, key: string): number | undefined {
  const value = body.get(key);
  return typeof value === "number" ? value : undefined;
}

function bytes(body: Map<string, CborValue>, key: string): Uint8Array | undefined {
  const value = body.get(key);
  // A copy: the entry may be a view into a buffer that its reader uses again.
  return value instanceof Uint8Array ? new Uint8Array(value) : undefined;
}
