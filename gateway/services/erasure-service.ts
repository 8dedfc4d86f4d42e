import type { Decider, ErasureService, ErasureView } from "../http/services.ts";
import type { PayloadRemoval } from "../journal/payload-removal.ts";
import type { QuarantineDesk } from "./quarantine-service.ts";

/** Erasing what a device has sent: out of the ledger, and out of quarantine. The database follows the ledger. */
export class ErasureDesk implements ErasureService {
  readonly #removal: PayloadRemoval;
  readonly #quarantine: QuarantineDesk;

  constructor(removal: PayloadRemoval, quarantine: QuarantineDesk) {
    this.#removal = removal;
    this.#quarantine = quarantine;
  }

  async erase(id: string, by?: Decider): Promise<ErasureView> {
    const { order } = await this.#removal.erase(id, by);
    await this.#quarantine.removeAllOf(id, by);
    return { order, count: this.#removal.erasureOf(id)?.count ?? null };
  }

  of(id: string): ErasureView | undefined {
    const erasure = this.#removal.erasureOf(id);
    return erasure && { order: erasure.order, count: erasure.count ?? null };
  }
}
