import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ed25519Vkey } from "../../../src/ledger/ed25519-line.ts";
import { formatVkey, noteKeyId, parseVkey } from "../../../src/ledger/note.ts";
import { parsePolicy } from "../../../src/ledger/policy.ts";
import { isMet } from "../../../src/ledger/quorum.ts";
import { logKeys, policyOf } from "../../support/signed-log.ts";

const keys = logKeys("gw.test/ledger/1");
const good = policyOf(keys);
const [classic, post] = keys.vkeys;

/** A witness's key: the same bytes as an Ed25519 note key, under another type. */
function witnessVkey(name: string, like = ed25519Vkey(name, generateKeyPairSync("ed25519").privateKey)): string {
  const key = parseVkey(like);
  if (!key.ok) throw new Error(key.detail);
  const { publicKey } = key.value;
  return formatVkey({ name, type: 0x04, publicKey, keyId: noteKeyId(name, 0x04, publicKey) });
}
const sealVkey = () => ed25519Vkey("gw.test/ledger/1#seals", generateKeyPairSync("ed25519").privateKey);
const witnesses = ["X1", "X2", "X3", "Y1", "Y2", "Y3"].map((name) => `witness ${name} ${witnessVkey(`${name}.test`)}`);
const nested = `${witnesses.join("\n")}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

function flaw(text: string): string {
  const parsed = parsePolicy(text);
  return parsed.ok ? "" : parsed.detail;
}

describe("a policy", () => {
  test("lists the keys of a log under its origin", () => {
    const parsed = parsePolicy(good);
    expect(parsed.ok && [...parsed.value.logs].map(([origin, list]) => [origin, list.map(({ type }) => type)])).toEqual(
      [["gw.test/ledger/1", ["ed25519", "mldsa44"]]],
    );
  });

  test("may have comments, blank lines, tabs, addresses, and no newline at the end", () => {
    const text = `# whom we trust\n\n \t log\t${classic}  https://gw.test/ \nlog ${post}\n  # done\nquorum none`;
    expect(flaw(text)).toBe("");
  });

  test("may name the keys of a log's seals, in lines that everyone else takes for comments", () => {
    const [seal, next] = [sealVkey(), sealVkey()];
    const parsed = parsePolicy(`${good}#seals ${seal}\n #seals\t${next}\n# seals are checked too\n#sealss\n`);
    expect(parsed.ok && [...parsed.value.seals]).toEqual([["gw.test/ledger/1", [seal, next]]]);
    expect(parsed.ok && [...parsed.value.logs.keys()], "a seal is no checkpoint").toEqual(["gw.test/ledger/1"]);
    const none = parsePolicy(good);
    expect(none.ok && none.value.seals.size).toBe(0);
  });

  test("counts groups of groups", () => {
    const parsed = parsePolicy(nested);
    if (!parsed.ok) throw new Error(parsed.detail);
    const met = (...names: string[]) => isMet(parsed.value.quorum, new Set(names));
    expect(met("X1", "X3", "Y2")).toBe(true);
    expect(met("X1", "X2", "X3")).toBe(false);
    expect(met("X1", "Y1", "Y2", "Y3")).toBe(false);
    expect(met()).toBe(false);
  });

  test.each([
    ["no quorum", `log ${classic}`, "there is no quorum line"],
    ["two quorums", "quorum none\nquorum none", "line 2: a second quorum line"],
    ["a quorum of nobody known", "quorum W", "line 1: no witness or group W is defined above"],
    ["a group defined below the quorum", `quorum W\n${witnesses[0]}\ngroup W any X1`, "line 1: no witness or group W"],
    ["a group of nobody", `${witnesses[0]}\ngroup W all\nquorum W`, "line 2: expected: group"],
    ["more than there are", `${witnesses[0]}\ngroup W 2 X1\nquorum W`, "line 2: not a number from 1 to 1"],
    ["a group of none", `${witnesses[0]}\ngroup W 0 X1\nquorum W`, "line 2: not a number from 1 to 1"],
    ["a count with a sign", `${witnesses[0]}\ngroup W +1 X1\nquorum W`, "line 2: not a number from 1 to 1"],
    [
      "a witness counted twice",
      `${witnesses[0]}\ngroup A any X1\ngroup B any X1\nquorum B`,
      "line 3: X1 is in a group already",
    ],
    ["a member named twice", `${witnesses[0]}\ngroup A 2 X1 X1\nquorum A`, "line 2: X1 is in a group already"],
    ["a name given twice", `${witnesses[0]}\ngroup X1 any X1\nquorum X1`, "line 2: the name X1 is taken"],
    ["the name none", `witness none ${witnessVkey("w.test")}`, "line 1: the name none is taken"],
    ["none as a member", "group A any none\nquorum A", "line 1: no witness or group none"],
    ["a key twice", `log ${classic}\nlog ${classic}\nquorum none`, "line 2: this public key was listed before"],
    [
      "a log as its own witness",
      `log ${classic}\nwitness W ${witnessVkey("w", classic)}`,
      "line 2: this public key was listed",
    ],
    ["a witness's key as a log", `log ${witnessVkey("w.test")}`, "line 1: the key of a witness"],
    ["a log's key as a witness", `witness W ${classic}`, "line 1: the key of a log"],
    [
      "a required line that no key makes",
      `log ${classic}\nrequire ed25519+mldsa44\nquorum none`,
      "no mldsa44 key of gw.test",
    ],
    ["a required line of unknown type", "require ed25519+rsa\nquorum none", "line 1: expected: require"],
    ["a key with another id", `log ${classic.replace(/\+[0-9a-f]{8}\+/, "+00000000+")}\nquorum none`, "line 1: "],
    ["words behind the address", `log ${classic} https://gw.test/ more\nquorum none`, "line 1: expected: log"],
    ["a seals line without a key", `${good}#seals`, "line 5: expected: #seals <vkey>"],
    ["a seals line that goes on", `${good}#seals ${sealVkey()} more`, "line 5: expected: #seals <vkey>"],
    ["a seals line of a key that is none", `${good}#seals ${sealVkey().slice(0, -9)}`, "line 5: "],
    ["a checkpoint's key for the seals", `${good}#seals ${classic}`, "line 5: not the key of a log's seals"],
    [
      "seals of a log that is not listed",
      `quorum none\n#seals ${sealVkey()}`,
      "a key for the seals of gw.test/ledger/1",
    ],
    ["an unknown word", "trust everyone\nquorum none", "line 1: it begins with none of"],
    ["Windows line ends", "quorum none\r\n", "line 1: a control character"],
  ])("with %s is refused with the line", (_name, text, detail) => expect(flaw(text)).toContain(detail));

  test("with a key of small order is refused", () => {
    const publicKey = Uint8Array.of(1, ...new Uint8Array(31));
    const vkey = formatVkey({ name: "gw", type: 1, publicKey, keyId: noteKeyId("gw", 1, publicKey) });
    expect(flaw(`log ${vkey}\nquorum none`)).toContain("small order");
  });

  test("of any text is taken or refused", () => {
    const words = fc.constantFrom(
      "log ",
      "witness ",
      "group ",
      "quorum ",
      "require ",
      "none",
      "any ",
      "\n",
      classic,
      ...witnesses,
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(words, { maxLength: 30 }).map((parts) => parts.join("")),
    );
    fc.assert(fc.property(text, (policy) => typeof parsePolicy(policy).ok === "boolean"));
  });
});
