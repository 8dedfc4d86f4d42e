/**
 * The blocks of the log in the shape of the MAS ledger, for tools that read that: their hashes, their JSON text, their
 * records. It shows order and nothing else: a MAS block hash covers neither the entries nor their Merkle root, and is not
 * signed. What proves something is in every entry's metadata: the leaf of our log, and the seal behind its block.
 */
import { createHash } from "node:crypto";

/** Numbers are integers: of others Python's text differs. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type MasEntry = {
  readonly record_type: "entry";
  readonly block_number: number;
  readonly data_hash: string;
  readonly entry_id: string;
  readonly entry_type: "reading" | "event";
  /** What `data_hash` is the hash of. */
  readonly metadata: { readonly [key: string]: JsonValue };
  readonly timestamp: string;
};

export type MasBlock = {
  readonly record_type: "block";
  readonly block_number: number;
  readonly block_hash: string;
  readonly previous_hash: string;
  readonly merkle_root: string;
  readonly data_count: number;
  readonly timestamp: string;
};

export type MasRecord = MasEntry | MasBlock;

const zeros = "0".repeat(64);

function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Keys sorted, `", "` and `": "`, ASCII only: the text that MAS hashes, and writes. */
export function masJson(value: JsonValue): string {
  if (typeof value === "string") return ascii(JSON.stringify(value));
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(masJson).join(", ")}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${masJson(key)}: ${masJson(value[key]!)}`).join(", ")}}`;
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function ascii(json: string): string {
  return json.replaceAll(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Over the hex text of hashes, the last of an odd level paired with itself. */
export function masMerkleRoot(hashes: readonly string[]): string {
  let level = hashes.length === 0 ? [zeros] : hashes;
  while (level.length > 1) {
    const below = level;
    level = Array.from({ length: Math.ceil(below.length / 2) }, (_, index) => {
      const left = below[2 * index]!;
      return sha256Hex(left + (below[2 * index + 1] ?? left));
    });
  }
  return level[0]!;
}

/** @param us microseconds since 1970 */
export function masTimestamp(us: number): string {
  const seconds = new Date(Math.floor(us / 1_000_000) * 1000).toISOString().slice(0, 19);
  const fraction = us % 1_000_000;
  return `${seconds}${fraction === 0 ? "" : `.${String(fraction).padStart(6, "0")}`}+00:00`;
}

export function masBlockHash(number: number, previousHash: string, timestamp: string): string {
  return sha256Hex(`${number}${previousHash}${timestamp}`);
}

export interface MasLeaf {
  readonly leafIndex: number;
  /** Hex. */
  readonly leafHash: string;
  readonly type: MasEntry["entry_type"];
}

/** What a seal of ours says. */
export interface MasSeal {
  readonly leafIndex: number;
  /** Of our block, from 0. */
  readonly number: number;
  readonly openedUs: number;
  readonly sealedUs: number;
}

/** Block n of ours becomes n + 1 of theirs: number 0 is the genesis, which has no entries. */
export class MasChain {
  readonly #origin: string;
  #previousHash = zeros;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** @returns the records of one block, its entries first; before the first block the genesis */
  block(leaves: readonly MasLeaf[], seal: MasSeal): MasRecord[] {
    const genesis = seal.number === 0 ? [this.#close(0, [], seal.openedUs)] : [];
    const entries = leaves.map((leaf, index) => this.#entry(leaf, seal, leaves.length - index));
    return [...genesis, ...entries, this.#close(seal.number + 1, entries, seal.sealedUs)];
  }

  #entry({ leafIndex, leafHash, type }: MasLeaf, seal: MasSeal, before: number): MasEntry {
    const metadata = {
      leaf_hash: leafHash,
      leaf_index: leafIndex,
      log: this.#origin,
      proves: "order only; ask the log for the proof of this leaf",
      seal_leaf: seal.leafIndex,
    };
    return {
      record_type: "entry",
      block_number: seal.number + 1,
      data_hash: sha256Hex(masJson(metadata)),
      entry_id: `${this.#origin}#${leafIndex}`,
      entry_type: type,
      metadata,
      // Of appending, made so that times put the entries of a block in their order, and none is after its block's.
      timestamp: masTimestamp(seal.sealedUs - before),
    };
  }

  #close(number: number, entries: readonly MasEntry[], us: number): MasBlock {
    const timestamp = masTimestamp(us);
    const previous_hash = this.#previousHash;
    this.#previousHash = masBlockHash(number, previous_hash, timestamp);
    return {
      record_type: "block",
      block_number: number,
      block_hash: this.#previousHash,
      previous_hash,
      merkle_root: masMerkleRoot(entries.map(({ data_hash }) => data_hash)),
      data_count: entries.length,
      timestamp,
    };
  }
}
