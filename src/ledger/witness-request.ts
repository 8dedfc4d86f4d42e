/** The body of `add-checkpoint` of the C2SP tlog-witness API: `old <size>`, a consistency proof, a blank line, a checkpoint. */
import { accept, type Result, refuse } from "../result.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { hashBytes } from "./hash.ts";

export interface AddCheckpoint {
  /** Size of the checkpoint that the witness cosigned last, as the client believes; 0 when there was none. */
  readonly oldSize: number;
  /** 32 bytes each, at most 63; as RFC 6962 §2.1.2 orders them. */
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly note: string;
}

const maxProofLines = 63;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  return `${[`old ${oldSize}`, ...proof.map(encodeBase64)].join("\n")}\n\n${note}`;
}

/** Total. Says nothing yet about the checkpoint. Sizes from 2^53 on are refused. */
export function parseAddCheckpoint(body: Uint8Array): Result<AddCheckpoint, "REQUEST_MALFORMED"> {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    return refuse("REQUEST_MALFORMED", "not UTF-8");
  }
  const blank = text.indexOf("\n\n");
  if (blank < 0) return refuse("REQUEST_MALFORMED", "no blank line before a checkpoint");
  const [first = "", ...lines] = text.slice(0, blank).split("\n");
  const [, digits] = /^old (0|[1-9][0-9]*)$/.exec(first) ?? [];
  const oldSize = Number(digits);
  if (!Number.isSafeInteger(oldSize)) return refuse("REQUEST_MALFORMED", "the first line is not: old <size>");
  if (lines.length > maxProofLines) return refuse("REQUEST_MALFORMED", `${lines.length} hashes, no tree is that high`);
  const proof = lines.map(decodeBase64);
  if (!proof.every((hash) => hash?.length === hashBytes))
    return refuse("REQUEST_MALFORMED", "a line that is not the base64 of a hash");
  return accept({ oldSize, proof: proof as Uint8Array[], note: text.slice(blank + 2) });
}
