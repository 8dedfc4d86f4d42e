/** What an exported log says, in words for people. */
import { encodeBase64 } from "./base64.ts";
import { type Explanation, type Fact, invalid, signerFacts } from "./explanation.ts";
import { parsePolicy } from "./policy.ts";
import {
  type DirectoryReport,
  type LogDirectory,
  type VerifyDirectoryOptions,
  verifyDirectory,
} from "./verify-directory.ts";

/** @param policyText see policy.ts @throws only what reading the directory throws */
export async function explainDirectory(
  directory: LogDirectory,
  policyText: string,
  options?: VerifyDirectoryOptions,
): Promise<Explanation> {
  const policy = parsePolicy(policyText);
  if (!policy.ok) return invalid(policy.reject, `The policy cannot be used: ${policy.detail}.`);
  const report = await verifyDirectory(directory, policy.value, options);
  const { signed, entries, blocks, pruned, erased, otherFiles, problem } = report;
  if (signed === undefined || problem !== undefined) {
    const { what, file, leafIndex, reject = "LOG_INVALID" } = problem!;
    const where: Fact[] = leafIndex === undefined ? [] : [["leaf", String(leafIndex)]];
    return invalid(reject, `This log is not valid: ${what}.`, [["file", file], ...where]);
  }
  const { origin, size, root } = signed.checkpoint;
  const facts: Fact[] = [
    ["log", origin],
    ["entries", `${size}, of which ${entries} are here and were hashed`],
    ...signerFacts(signed),
    ["root", encodeBase64(root)],
    ["blocks", `${blocks}, each sealed over its own entries and all before it`],
    ["seals", sealsFact(report, policy.value.seals.has(origin))],
  ];
  if (pruned + erased > 0) {
    const gone = `${pruned} by retention, ${erased} of erased devices: hash, place and order checked; their content cannot be`;
    facts.push(["taken out", gone]);
  }
  if (otherFiles > 0) facts.push(["other files", `${otherFiles}, of which the checkpoint says nothing`]);
  return {
    valid: true,
    reject: undefined,
    verdict: "Valid: every entry is the one that was signed, in its place.",
    facts,
  };
}

function sealsFact({ blocks, signedSeals, sealKeys }: DirectoryReport, isNamed: boolean): string {
  const unchecked = blocks - signedSeals;
  const keys = sealKeys.map((vkey) => vkey.split("+", 2).join("+")).join(", then ");
  const signed = isNamed
    ? `signed with ${keys}, as the log announces and the policy names`
    : `signed with ${keys}, as the log announces; the policy names none`;
  if (unchecked === 0) return blocks === 0 ? "none" : signed;
  const why = `the signatures of ${unchecked} NOT checked: no entry that is here tells their key, nor does the policy`;
  return signedSeals === 0 ? why : `${signed}; ${why}`;
}
