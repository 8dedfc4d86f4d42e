/** The `witness` section of the configuration. */
import { type Static, Type } from "typebox";
import type { KnownLogs } from "../../src/ledger/judge-checkpoint.ts";
import { type Policy, parsePolicy } from "../../src/ledger/policy.ts";
import { type LineKey, portableLineKey } from "../../src/ledger/portable-lines.ts";
import { isMet, type Quorum } from "../../src/ledger/quorum.ts";
import type { DeepReadonly } from "../config/deep-readonly.ts";

const strict = { additionalProperties: false };
const vkey = Type.String({ pattern: "^[^\\s+]+\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]+={0,2}$" });

const peer = Type.Object(
  {
    url: Type.String({
      pattern: "^https?://[^\\s?#]+[^\\s?#/]$",
      description: "Submission prefix of the witness; of a gateway `http://host:port/witness`.",
    }),
    monitorUrl: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+[^\\s?#/]$",
        description: "Monitoring prefix, where it is another one.",
      }),
    ),
    vkeys: Type.Array(vkey, { minItems: 1, description: "Its public keys, as its `mycogate key show` prints them." }),
  },
  strict,
);

export const witnessConfigSchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        description:
          "Name of this gateway as a witness, a URL without scheme. Made at first start and kept; what was cosigned under one name does not go on under another.",
        pattern: "^[^\\s+]{1,255}$",
        restart: true,
      }),
    ),
    logs: Type.Array(vkey, {
      description:
        "Logs whose checkpoints this gateway cosigns: their public keys. Of every type among a log's keys, one must have signed.",
      default: [],
      restart: true,
    }),
    peers: Type.Array(peer, {
      description: "Witnesses that are asked to cosign this gateway's checkpoints: `url`, `vkeys`, `monitorUrl`.",
      default: [],
      restart: true,
    }),
    policy: Type.Optional(
      Type.String({
        description:
          "When an entry counts as witnessed: C2SP tlog-policy text with the lines witness, group and quorum. Not set: when every key of every peer has cosigned.",
        minLength: 1,
        restart: true,
      }),
    ),
    timeoutMs: Type.Integer({
      description: "A witness that has not answered after this time is asked again later.",
      unit: "ms",
      minimum: 100,
      maximum: 120_000,
      default: 10_000,
      restart: true,
    }),
  },
  strict,
);

export type WitnessConfig = DeepReadonly<Static<typeof witnessConfigSchema>>;

export interface WitnessPeer {
  readonly url: string;
  readonly monitorUrl: string;
  readonly keys: readonly LineKey[];
}

/** What the section says, its keys and its policy read. */
export interface WitnessPlan {
  readonly logs: KnownLogs;
  readonly peers: readonly WitnessPeer[];
  /** By their names in the policy, or by number where there is none. */
  readonly witnesses: Policy["witnesses"];
  readonly quorum: Quorum;
}

/** Of a section without `witnessProblems`. */
export function witnessPlan({ logs, peers, policy }: WitnessConfig): WitnessPlan {
  const known = new Map<string, LineKey[]>();
  for (const key of logs.map(read)) {
    const { name } = key.verifier;
    known.set(name, [...(known.get(name) ?? []), key]);
  }
  const plan = {
    logs: known,
    peers: peers.map(({ url, monitorUrl = url, vkeys }) => ({ url, monitorUrl, keys: vkeys.map(read) })),
  };
  if (policy === undefined) return { ...plan, ...everyKeyOf(plan.peers) };
  const parsed = parsePolicy(policy);
  if (!parsed.ok) throw new Error(parsed.detail);
  return { ...plan, witnesses: parsed.value.witnesses, quorum: parsed.value.quorum };
}

/** Keys that are none, and a quorum that the peers could never reach. */
export function witnessProblems(config: WitnessConfig): readonly { readonly path: string; readonly message: string }[] {
  const { logs, peers, policy } = config;
  const problems: { path: string; message: string }[] = [];
  const check = (path: string, vkey: string, types: readonly string[], whose: string) => {
    const key = portableLineKey(vkey);
    if (!key.ok) problems.push({ path, message: `is no public key: ${key.detail}` });
    else if (!types.includes(key.value.type)) problems.push({ path, message: `is not the key of a ${whose}` });
  };
  for (const [index, vkey] of logs.entries()) check(`witness.logs.${index}`, vkey, ["ed25519", "mldsa44"], "log");
  for (const [at, { vkeys }] of peers.entries())
    for (const [index, vkey] of vkeys.entries())
      check(`witness.peers.${at}.vkeys.${index}`, vkey, ["cosignature", "mldsa44"], "witness");
  const parsed = policy === undefined ? undefined : parsePolicy(policy);
  if (parsed?.ok === false) problems.push({ path: "witness.policy", message: parsed.detail });
  if (problems.length > 0 || parsed === undefined || !parsed.ok) return problems;
  const { witnesses, quorum } = parsed.value;
  const asked = witnessPlan(config).peers.flatMap(({ keys }) => keys);
  const reachable = [...witnesses].filter(([, key]) => asked.some((peerKey) => isSame(key, peerKey)));
  if (quorum.kind === "none") problems.push({ path: "witness.policy", message: "asks for no witness: quorum none" });
  else if (!isMet(quorum, new Set(reachable.map(([name]) => name))))
    problems.push({ path: "witness.policy", message: "asks for witnesses that are not among witness.peers" });
  return problems;
}

/** The lines of a policy for verifiers that ask for the same witnesses as this gateway does. */
export function witnessPolicyLines({ peers, policy }: WitnessConfig): string[] {
  if (policy !== undefined) return policy.split("\n").filter((line) => /^[ \t]*(witness|group|quorum)[ \t]/.test(line));
  const vkeys = peers.flatMap(({ vkeys }) => vkeys);
  if (vkeys.length === 0) return ["quorum none"];
  const names = vkeys.map((_, index) => `w${index + 1}`);
  const witnesses = vkeys.map((vkey, index) => `witness ${names[index]} ${vkey}`);
  return [...witnesses, `group witnesses all ${names.join(" ")}`, "quorum witnesses"];
}

function everyKeyOf(peers: readonly WitnessPeer[]): Pick<WitnessPlan, "witnesses" | "quorum"> {
  const keys = peers.flatMap(({ keys }) => keys);
  const witnesses = new Map(keys.map((key, index) => [`${index}`, key]));
  const members = [...witnesses.keys()].map((name) => ({ kind: "witness", name }) as const);
  return { witnesses, quorum: { kind: "group", name: "all", threshold: members.length, members } };
}

function isSame(a: LineKey, b: LineKey): boolean {
  return a.verifier.name === b.verifier.name && a.verifier.keyId === b.verifier.keyId;
}

function read(vkey: string): LineKey {
  const key = portableLineKey(vkey);
  if (!key.ok) throw new Error(key.detail);
  return key.value;
}
