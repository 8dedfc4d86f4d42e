import { OpenBlock } from "../../src/ledger/block.ts";
import { MerkleTree } from "../../src/ledger/merkle.ts";
import type { SegmentHeader } from "./segment.ts";
import type { PreviousSegment } from "./segment-cursor.ts";

/**
 * All that a walk over the log knows of the leaves behind it when it stands between two segments. Plain data: threads
 * hand it over, a mark keeps it, and two walks that came to the same have equal ones. Hashes are hex.
 */
export interface WalkState {
  /** Leaves so far. */
  readonly leaf: number;
  /** Peaks of the tree over them, see MerkleTree. */
  readonly peaks: string;
  readonly block: {
    readonly number: number;
    readonly startLeaf: number;
    readonly previousHash: string;
    readonly count: number;
    readonly peaks: string;
  };
  /** What the next segment has to name; null where the log begins. */
  readonly previous: PreviousSegment | null;
}

export function walkState(tree: MerkleTree, block: OpenBlock, previous: PreviousSegment | null): WalkState {
  const { number, startLeaf, previousHash, count, peaks } = block;
  return {
    leaf: tree.size,
    peaks: hex(tree.peaks),
    block: { number, startLeaf, previousHash: hex(previousHash), count, peaks: hex(peaks) },
    previous,
  };
}

/** Before the first leaf. */
export function firstState(): WalkState {
  return walkState(new MerkleTree(), OpenBlock.first(), null);
}

/** What a segment names as the one before it. */
export function previousIn({ previousSegment, previousCrc }: SegmentHeader): PreviousSegment | null {
  return previousSegment === undefined ? null : { segment: previousSegment, crc: previousCrc };
}

/** @throws RangeError when the peaks are not those of so many leaves */
export function treeIn({ leaf, peaks }: WalkState): MerkleTree {
  return MerkleTree.fromPeaks(leaf, bytes(peaks));
}

/** @throws RangeError as `treeIn` */
export function blockIn({ block: { number, startLeaf, previousHash, count, peaks } }: WalkState): OpenBlock {
  const place = { number, startLeaf, previousHash: bytes(previousHash) };
  return OpenBlock.of(place, MerkleTree.fromPeaks(count, bytes(peaks)));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function bytes(hex: string): Uint8Array {
  return Buffer.from(hex, "hex");
}
