/**
 * C2SP tlog-proof v1: one file that says "this leaf is in that log" to anyone who has the log's public keys.
 * Its `extra` line is ours to fill: it holds the leaf itself, so that the file is all that has to be passed on. Nobody
 * vouches for that line; the leaf counts only because its hash leads to the signed root.
 */
import { accept, type Result, refuse } from "../result.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { hashBytes } from "./hash.ts";
import { maxEntryBytes } from "./types.ts";

export interface ProofFile {
  /** The leaf, verbatim; undefined where a file of another log has none. */
  readonly leaf: Uint8Array | undefined;
  readonly leafIndex: number;
  /** 32 bytes each, from the leaf's sibling up. */
  readonly hashes: readonly Uint8Array[];
  /** The signed checkpoint, a C2SP note. */
  readonly checkpoint: string;
}

const version = "c2sp.org/tlog-proof@v1";
/** A longest leaf in base64, a path of 63 hashes, and a note with a hundred ML-DSA-44 lines. */
const maxFileBytes = 600_000;
const maxHashes = 63;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function formatProofFile({ leaf, leafIndex, hashes, checkpoint }: ProofFile): string {
  const extra = leaf === undefined ? [] : [`extra ${encodeBase64(leaf)}`];
  return `${[version, ...extra, `index ${leafIndex}`, ...hashes.map(encodeBase64)].join("\n")}\n\n${checkpoint}`;
}

/** Total. Says nothing yet about whether the proof holds. Indexes from 2^53 on are refused. */
export function parseProofFile(bytes: Uint8Array): Result<ProofFile, "PROOF_MALFORMED"> {
  const text = decodeText(bytes);
  if (text === undefined) return malformed(`not UTF-8, or more than ${maxFileBytes} bytes`);
  const blank = text.indexOf("\n\n");
  if (blank < 0) return malformed("no blank line before a checkpoint");
  const [first, ...rest] = text.slice(0, blank).split("\n");
  if (first !== version) return malformed(`the first line is not ${version}`);
  const extra = rest[0]?.startsWith("extra ") ? rest.shift()!.slice("extra ".length) : undefined;
  const leaf = extra === undefined ? undefined : decodeBase64(extra);
  if (extra !== undefined && leaf === undefined) return malformed("the extra line is not base64");
  if (leaf !== undefined && leaf.length > maxEntryBytes) return malformed(`a leaf of ${leaf.length} bytes`);
  const [, digits] = /^index (0|[1-9][0-9]*)$/.exec(rest.shift() ?? "") ?? [];
  const leafIndex = Number(digits);
  if (!Number.isSafeInteger(leafIndex)) return malformed("no index line, or an index from 2^53 on");
  if (rest.length > maxHashes) return malformed(`${rest.length} hashes, no tree is that high`);
  const hashes = rest.map(decodeBase64);
  if (!hashes.every((hash) => hash?.length === hashBytes)) return malformed("a line that is not the base64 of a hash");
  return accept({ leaf, leafIndex, hashes: hashes as Uint8Array[], checkpoint: text.slice(blank + 2) });
}

function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.length > maxFileBytes) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function malformed(detail: string) {
  return refuse("PROOF_MALFORMED", detail);
}
