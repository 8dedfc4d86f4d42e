import { checkLine, parseCheckpoint } from "../../src/ledger/checkpoint.ts";
import { parseNote } from "../../src/ledger/note.ts";
import { isMet } from "../../src/ledger/quorum.ts";
import type { WitnessPlan } from "./config.ts";

/**
 * The witnesses that keep another history of our log than the disk does, under keys that are not here. Once they are as
 * many as the policy believes, no checkpoint of ours would ever be witnessed; so these may keep us from signing it, and
 * one among several may not. docs/adr/0067
 */
export class ClaimQuorum {
  readonly #plan: Pick<WitnessPlan, "witnesses" | "quorum">;
  /** By their names in the policy. */
  readonly #claiming = new Set<string>();

  constructor(plan: Pick<WitnessPlan, "witnesses" | "quorum">) {
    this.#plan = plan;
  }

  /** @param note a checkpoint that contradicts ours @returns whether those who have cosigned such ones are a quorum by now */
  add(note: string): boolean {
    const parsed = parseNote(note);
    const checkpoint = parsed.ok ? parseCheckpoint(parsed.value.text) : parsed;
    if (!parsed.ok || !checkpoint.ok) return false;
    const { witnesses, quorum } = this.#plan;
    for (const [name, { verifier }] of witnesses)
      if (checkLine(checkpoint.value, parsed.value.signatures, verifier) === "holds") this.#claiming.add(name);
    return isMet(quorum, this.#claiming);
  }
}
