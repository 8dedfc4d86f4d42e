/** Which sets of witnesses suffice: the `witness`, `group` and `quorum` lines of a C2SP tlog-policy. */
export type Quorum =
  | { readonly kind: "none" }
  | { readonly kind: "witness"; readonly name: string }
  | { readonly kind: "group"; readonly name: string; readonly threshold: number; readonly members: readonly Quorum[] };

/** @param cosigned names, in the policy, of the witnesses whose cosignature holds */
export function isMet(quorum: Quorum, cosigned: ReadonlySet<string>): boolean {
  if (quorum.kind === "none") return true;
  if (quorum.kind === "witness") return cosigned.has(quorum.name);
  return quorum.members.filter((member) => isMet(member, cosigned)).length >= quorum.threshold;
}
