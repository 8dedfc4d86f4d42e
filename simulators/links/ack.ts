/** What an acknowledgement says of the ledger: a signed receipt for an envelope, JSON for the rest. */
import { mdpTypes } from "../../protocol/spec.ts";
import { decodeReceipt } from "../../src/ledger/receipt.ts";
import { FrameStream } from "../../src/mdp/frame-stream.ts";

export interface NamedLeaf {
  readonly leafIndex: number;
  /** Lower-case hex. */
  readonly leafHash: string;
}

/** Undefined where it names none: a refusal, or no acknowledgement at all. */
export function namedLeaf(payload: Uint8Array): NamedLeaf | undefined {
  const receipt = decodeReceipt(payload);
  if (receipt.ok) {
    const { leafIndex, leafHash } = receipt.value.receipt;
    return { leafIndex, leafHash: Buffer.from(leafHash).toString("hex") };
  }
  try {
    const { leafIndex, leafHash } = JSON.parse(Buffer.from(payload).toString("utf8")) as Record<string, unknown>;
    return typeof leafIndex === "number" && typeof leafHash === "string" ? { leafIndex, leafHash } : undefined;
  } catch {
    return undefined;
  }
}

/** Acknowledgements among the bytes that a gateway writes to a board. */
export class AckReader {
  readonly #stream = new FrameStream();

  read(bytes: Uint8Array): NamedLeaf[] {
    return this.#stream
      .push(bytes)
      .flatMap((item) =>
        item.kind === "frame" && item.packet.type === mdpTypes.ACK ? (namedLeaf(item.packet.body) ?? []) : [],
      );
  }
}
