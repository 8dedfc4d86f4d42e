import { decodeEntry } from "../../src/ledger/entry.ts";
import type { EntryView, LedgerService } from "../http/services.ts";
import { storedLeafHash } from "../journal/leaf-hashes.ts";
import type { Ledger } from "../journal/ledger.ts";
import type { Witnessing } from "../witness/witnessing.ts";

/** Entries as the API shows them, read from the journal itself. */
export class LedgerView implements LedgerService {
  readonly #ledger: Ledger;
  readonly #witnessing: Pick<Witnessing, "checkpoint" | "witnessedSize">;

  constructor(ledger: Ledger, witnessing: Pick<Witnessing, "checkpoint" | "witnessedSize">) {
    this.#ledger = ledger;
    this.#witnessing = witnessing;
  }

  async entry(leafIndex: number): Promise<EntryView | undefined> {
    const bytes = await this.#ledger.readEntry(leafIndex);
    if (!bytes) return undefined;
    const decoded = decodeEntry(bytes);
    const block = (await this.#ledger.blockOf(leafIndex)) ?? null;
    const state = this.#stateOf(leafIndex, block);
    const common = { leafIndex, leafHash: storedLeafHash(bytes), block, state } as const;
    const reading = decoded.ok && decoded.value.kind === "reading" ? decoded.value : undefined;
    if (reading) {
      const { receivedUs, deviceId, keyEpoch, source, format, firmware, payload } = reading;
      const verification = keyEpoch > 0 ? "verified" : "attested";
      return {
        ...common,
        kind: "reading",
        deviceId,
        receivedAt: iso(receivedUs),
        verification,
        keyEpoch,
        source,
        format,
        firmware,
        payload,
      };
    }
    // A seal, an event, or a leaf of a later version: its bytes are shown as they are.
    const none = { verification: null, keyEpoch: null, source: null, format: null, firmware: null } as const;
    if (decoded.ok && decoded.value.kind === "seal") {
      const receivedAt = iso(decoded.value.sealedUs);
      return { ...common, ...none, kind: "seal", deviceId: null, receivedAt, payload: bytes };
    }
    if (decoded.ok && decoded.value.kind === "removed") {
      const removedBy = decoded.value.order;
      return {
        ...common,
        ...none,
        kind: "removed",
        deviceId: null,
        receivedAt: null,
        payload: new Uint8Array(0),
        removedBy,
      };
    }
    const event = decoded.ok && decoded.value.kind === "event" ? decoded.value : undefined;
    const id = event?.body.get("id");
    const receivedAt = iso(event?.receivedUs ?? 0);
    return {
      ...common,
      ...none,
      kind: "event",
      deviceId: typeof id === "string" ? id : null,
      receivedAt,
      payload: bytes,
    };
  }

  checkpoint(): string | undefined {
    return this.#witnessing.checkpoint;
  }

  #stateOf(leafIndex: number, block: number | null): EntryView["state"] {
    if (leafIndex < this.#witnessing.witnessedSize) return "witnessed";
    if (leafIndex < this.#ledger.checkpointSize) return "checkpointed";
    return block === null ? "durable" : "sealed";
  }
}

function iso(us: number): string {
  return new Date(us / 1000).toISOString();
}
