/**
 * The verifier: a proof file and a policy, nothing else. No network, no clock, and nothing of Node: the same module runs
 * in the command line, in tests, and in the page that a browser opens from a disk.
 */
import { accept, type Result, refuse } from "../result.ts";
import { type Checkpoint, type CheckpointReject, checkLine, parseCheckpoint } from "./checkpoint.ts";
import { leafHash } from "./hash.ts";
import { parseNote } from "./note.ts";
import type { Policy } from "./policy.ts";
import type { LineKey, LineType } from "./portable-lines.ts";
import { verifyInclusion } from "./proof.ts";
import { parseProofFile } from "./proof-file.ts";
import { isMet } from "./quorum.ts";
import { removedLeafHash } from "./tombstone.ts";

/** A checkpoint that the policy is content with. */
export interface SignedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Types of the log's own signatures; at least all that the policy lists for it. */
  readonly signedWith: readonly LineType[];
  /** Witnesses that cosigned, by their names in the policy; at least a quorum. */
  readonly witnessedBy: readonly string[];
}

/** What is certain of a leaf once its proof holds. */
export interface ProvenLeaf extends SignedCheckpoint {
  /** Verbatim; or a tombstone, and then it is only certain that the log has a leaf with the hash in it. */
  readonly leaf: Uint8Array;
  readonly leafIndex: number;
}

export type ProofReject =
  | Exclude<CheckpointReject, "ORIGIN_MISMATCH">
  | "PROOF_MALFORMED"
  | "LEAF_MISSING"
  | "LOG_UNKNOWN"
  | "QUORUM_MISSING"
  | "INCLUSION_INVALID";

/** Total: any bytes are proven or refused. @param file bytes of a `.tlog-proof` file with the leaf in its `extra` line */
export function verifyProof(file: Uint8Array, policy: Policy): Result<ProvenLeaf, ProofReject> {
  const proof = parseProofFile(file);
  if (!proof.ok) return proof;
  const { leaf, leafIndex, hashes, checkpoint: note } = proof.value;
  if (leaf === undefined) return refuse("LEAF_MISSING", "there is no extra line with the leaf that this is to prove");
  const signed = verifyCheckpoint(note, policy);
  if (!signed.ok) return signed;
  const { checkpoint } = signed.value;
  if (leafIndex >= checkpoint.size)
    return refuse("INCLUSION_INVALID", `leaf ${leafIndex} in a log of ${checkpoint.size}`);
  if (!verifyInclusion(leafIndex, checkpoint.size, removedLeafHash(leaf) ?? leafHash(leaf), hashes, checkpoint.root))
    return refuse("INCLUSION_INVALID", "leaf, index and hashes do not lead to the root that was signed");
  return accept({ leaf, leafIndex, ...signed.value });
}

/** A signed checkpoint of one of the policy's logs, with all the signatures that the policy demands. */
export function verifyCheckpoint(
  note: string,
  { logs, witnesses, quorum }: Policy,
): Result<SignedCheckpoint, ProofReject> {
  const parsed = parseNote(note);
  if (!parsed.ok) return parsed;
  const checkpoint = parseCheckpoint(parsed.value.text);
  if (!checkpoint.ok) return checkpoint;
  const { origin } = checkpoint.value;
  const keys = logs.get(origin);
  if (keys === undefined) return refuse("LOG_UNKNOWN", `the policy lists no key of ${origin}`);
  // A line of a key that is known has to hold, whether or not it is needed.
  const lineOf = ({ verifier }: LineKey) => checkLine(checkpoint.value, parsed.value.signatures, verifier);
  const logLines = keys.map(lineOf);
  const witnessLines = [...witnesses].map(([name, key]) => ({ name, line: lineOf(key) }));
  const bad = keys.find((_, index) => logLines[index] === "bad")?.verifier.name;
  const badWitness = witnessLines.find(({ line }) => line === "bad")?.name;
  if (bad !== undefined || badWitness !== undefined)
    return refuse("SIGNATURE_INVALID", `the signature of ${bad ?? badWitness} does not verify`);
  const signedWith = [...new Set(keys.filter((_, index) => logLines[index] === "holds").map(({ type }) => type))];
  const missing = keys.find(({ type }) => !signedWith.includes(type));
  if (missing !== undefined)
    return refuse("SIGNATURE_MISSING", `${origin} has not signed with its ${missing.type} key`);
  const witnessedBy = witnessLines.filter(({ line }) => line === "holds").map(({ name }) => name);
  if (!isMet(quorum, new Set(witnessedBy)))
    return refuse("QUORUM_MISSING", `cosigned by ${witnessedBy.join(", ") || "no witness"}: the policy asks for more`);
  return accept({ checkpoint: checkpoint.value, signedWith, witnessedBy });
}
