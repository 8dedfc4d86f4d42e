/**
 * Whom to believe: C2SP tlog-policy text (`log`, `witness`, `group`, `quorum`), and two lines of our own,
 * `require ed25519+mldsa44`, and `#seals <vkey>`, which everyone else takes for a comment: it names a key of a log's seals,
 * for who reads a whole log. A log may be listed with several keys of one name; then a checkpoint needs a signature of
 * every type among them, so that leaving out the stronger line is a failure. Of keys of one type any will do: an old one
 * and its successor.
 */
import { accept, type Result, refuse } from "../result.ts";
import { type LineKey, type LineType, portableLineKey } from "./portable-lines.ts";
import type { Quorum } from "./quorum.ts";

export interface Policy {
  /** Keys of each log, by its origin. */
  readonly logs: ReadonlyMap<string, readonly LineKey[]>;
  /** By the name they have in the policy. */
  readonly witnesses: ReadonlyMap<string, LineKey>;
  readonly quorum: Quorum;
  /** vkeys that sign the seals of each log, by its origin; a log may be listed without any. */
  readonly seals: ReadonlyMap<string, readonly string[]>;
}

/** What the name of a log's seal key ends with, behind the origin: under it no signature can pass for a checkpoint's. */
export const sealKeySuffix = "#seals";

const maxLines = 1000;
/** What may sign for a log, and for a witness. */
const logTypes: readonly LineType[] = ["ed25519", "mldsa44"];
const witnessTypes: readonly LineType[] = ["cosignature", "mldsa44"];

/** Total. @returns POLICY_INVALID with the number of the first line that is wrong */
export function parsePolicy(text: string): Result<Policy, "POLICY_INVALID"> {
  const lines = text.split("\n");
  if (lines.length > maxLines) return refuse("POLICY_INVALID", `more than ${maxLines} lines`);
  const reader = new PolicyReader();
  for (const [index, line] of lines.entries()) {
    const flaw = reader.line(line);
    if (flaw !== undefined) return refuse("POLICY_INVALID", `line ${index + 1}: ${flaw}`);
  }
  return reader.policy();
}

/** Each step returns what is wrong, undefined when nothing is. */
class PolicyReader {
  readonly #logs = new Map<string, LineKey[]>();
  readonly #witnesses = new Map<string, LineKey>();
  /** Witnesses and groups, whose names share one space. */
  readonly #named = new Map<string, Quorum>();
  /** Names that are in a group already: in another they would count twice. */
  readonly #grouped = new Set<string>();
  #quorum: Quorum | undefined;
  #required: readonly LineType[] = [];
  readonly #seals = new Map<string, string[]>();

  line(line: string): string | undefined {
    // Tab is the one control character that may stand in a line.
    if (/(?![\t\u0080-\u009f])\p{Cc}/u.test(line)) return "a control character, perhaps a line end of Windows";
    const [keyword = "", ...words] = line.split(/[ \t]+/).filter((word) => word !== "");
    if (keyword === "#seals") return this.#sealsLine(words);
    if (keyword === "" || keyword.startsWith("#")) return undefined;
    if (keyword === "log") return this.#log(words);
    if (keyword === "witness") return this.#witness(words);
    if (keyword === "group") return this.#group(words);
    if (keyword === "quorum") return this.#quorumLine(words);
    if (keyword === "require") return this.#require(words);
    return "it begins with none of log, witness, group, quorum and require";
  }

  policy(): Result<Policy, "POLICY_INVALID"> {
    if (this.#quorum === undefined) return refuse("POLICY_INVALID", "there is no quorum line");
    for (const [origin, keys] of this.#logs) {
      const missing = this.#required.find((type) => !keys.some((key) => key.type === type));
      if (missing !== undefined) return refuse("POLICY_INVALID", `no ${missing} key of ${origin}, which is required`);
    }
    const stray = [...this.#seals.keys()].find((origin) => !this.#logs.has(origin));
    if (stray !== undefined) return refuse("POLICY_INVALID", `a key for the seals of ${stray}, which is not listed`);
    return accept({ logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum, seals: this.#seals });
  }

  #log(words: readonly string[]): string | undefined {
    const [vkey, , surplus] = words;
    if (vkey === undefined || surplus !== undefined) return "expected: log <vkey> [<url>]";
    const key = portableLineKey(vkey);
    if (!key.ok) return key.detail;
    if (!logTypes.includes(key.value.type)) return "the key of a witness, not of a log";
    if (this.#isKnown(key.value)) return "this public key was listed before";
    const { name } = key.value.verifier;
    this.#logs.set(name, [...(this.#logs.get(name) ?? []), key.value]);
    return undefined;
  }

  #witness(words: readonly string[]): string | undefined {
    const [name, vkey, , surplus] = words;
    if (name === undefined || vkey === undefined || surplus !== undefined)
      return "expected: witness <name> <vkey> [<url>]";
    const key = portableLineKey(vkey);
    if (!key.ok) return key.detail;
    if (!witnessTypes.includes(key.value.type)) return "the key of a log, not of a witness";
    if (this.#isKnown(key.value)) return "this public key was listed before";
    this.#witnesses.set(name, key.value);
    return this.#define(name, { kind: "witness", name });
  }

  #group(words: readonly string[]): string | undefined {
    const [name, count, ...names] = words;
    if (name === undefined || count === undefined || names.length === 0)
      return "expected: group <name> <all, any or a number> <member>…";
    const members: Quorum[] = [];
    for (const member of names) {
      const known = this.#named.get(member);
      if (known === undefined) return `no witness or group ${member} is defined above`;
      if (this.#grouped.has(member)) return `${member} is in a group already`;
      this.#grouped.add(member);
      members.push(known);
    }
    const threshold = count === "all" ? members.length : count === "any" ? 1 : Number(count);
    const isCount = /^(all|any|[1-9][0-9]*)$/.test(count) && threshold <= members.length;
    return isCount
      ? this.#define(name, { kind: "group", name, threshold, members })
      : `not a number from 1 to ${members.length}`;
  }

  #quorumLine(words: readonly string[]): string | undefined {
    const [name, surplus] = words;
    if (name === undefined || surplus !== undefined) return "expected: quorum <name>, or: quorum none";
    if (this.#quorum !== undefined) return "a second quorum line";
    this.#quorum = name === "none" ? { kind: "none" } : this.#named.get(name);
    return this.#quorum === undefined ? `no witness or group ${name} is defined above` : undefined;
  }

  #require(words: readonly string[]): string | undefined {
    const types = words.length === 1 ? words[0]!.split("+") : [];
    const known = logTypes.filter((type) => types.includes(type));
    if (types.length === 0 || known.length !== types.length) return `expected: require ${logTypes.join("+")}`;
    if (this.#required.length > 0) return "a second require line";
    this.#required = known;
    return undefined;
  }

  #sealsLine(words: readonly string[]): string | undefined {
    const [vkey, surplus] = words;
    if (vkey === undefined || surplus !== undefined) return "expected: #seals <vkey>";
    const key = portableLineKey(vkey);
    if (!key.ok) return key.detail;
    const { name } = key.value.verifier;
    if (key.value.type !== "ed25519" || !name.endsWith(sealKeySuffix)) return "not the key of a log's seals";
    const origin = name.slice(0, -sealKeySuffix.length);
    this.#seals.set(origin, [...(this.#seals.get(origin) ?? []), vkey]);
    return undefined;
  }

  #define(name: string, quorum: Quorum): string | undefined {
    if (name === "none" || this.#named.has(name)) return `the name ${name} is taken`;
    this.#named.set(name, quorum);
    return undefined;
  }

  /** Under any name or type: a key counts once, and no log is its own witness. */
  #isKnown({ publicKey }: LineKey): boolean {
    return [...this.#logs.values(), [...this.#witnesses.values()]]
      .flat()
      .some(
        (key) => key.publicKey.length === publicKey.length && key.publicKey.every((byte, at) => byte === publicKey[at]),
      );
  }
}
