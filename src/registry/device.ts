/** A device as the registry knows it: the fold of its ledger events. */

export interface KeyEpoch {
  /** 1, 2, …; an entry names the epoch that verified it. 0 means "attested", see ReadingEntry. */
  readonly epoch: number;
  /** 32 bytes, Ed25519. */
  readonly publicKey: Uint8Array;
  readonly validFromUs: number;
  /** Signatures received from then on are refused; undefined while the key is in force. */
  readonly validUntilUs: number | undefined;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly transport: string;
  readonly enrolledUs: number;
  readonly revokedUs: number | undefined;
  /** Oldest first. Empty for an unsigned board, whose readings are at most attested. */
  readonly keys: readonly KeyEpoch[];
  /** Its messages may be chained, a later signature proving them. */
  readonly sparseSigning: boolean;
  /** As last reported, empty when never. */
  readonly firmware: string;
}

export const deviceIdPattern = /^[A-Za-z0-9._-]{1,64}$/;
