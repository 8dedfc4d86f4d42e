/** A gateway's side of witnessing: what it asks, what it believes, and what it does about an answer. */
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Contradiction, OwnLog } from "../../../gateway/journal/history-guard.ts";
import { ClaimQuorum } from "../../../gateway/witness/claim-quorum.ts";
import { Cosignatures } from "../../../gateway/witness/cosignatures.ts";
import { originHash } from "../../../gateway/witness/cosigned-heads.ts";
import { Peer } from "../../../gateway/witness/peer.ts";
import type { PeerAnswer } from "../../../gateway/witness/peer-client.ts";
import type { Witness } from "../../../gateway/witness/witness.ts";
import type { WitnessSigner } from "../../../gateway/witness/witness-signer.ts";
import { signCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { formatSignature, parseNote } from "../../../src/ledger/note.ts";
import { type AddCheckpoint, formatAddCheckpoint } from "../../../src/ledger/witness-request.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { silent } from "../../support/ledger-workload.ts";
import { logKeys } from "../../support/signed-log.ts";
import { GrowingLog, openWitness, testSigner } from "../../support/witnesses.ts";

const keys = logKeys("log.test/1");
const log = new GrowingLog(keys);
const other = new GrowingLog(keys, "another ");
let signer: WitnessSigner;
beforeAll(async () => {
  signer = await testSigner();
  return () => signer.close();
});

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 30_000 });
const peers: Peer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.stop();
});

/** The HTTP of a witness in this process, as PeerClient reads it. */
function clientOf(witness: Witness) {
  return {
    async addCheckpoint(request: AddCheckpoint): Promise<PeerAnswer> {
      const { status, body } = await witness.addCheckpoint(Buffer.from(formatAddCheckpoint(request)));
      if (status === 200) return { kind: "cosigned", lines: body };
      return status === 409 ? { kind: "conflict", size: Number(body) } : { kind: "refused", status, detail: body };
    },
    checkpoint: async (hash: string) => witness.checkpoint(hash),
  };
}

type Client = ReturnType<typeof clientOf>;

/** A peer of our log, of which `size` entries are signed and shown. */
function peerOf(client: Client, size: number) {
  const seen = { cosigned: [] as [number, number][], contradictions: [] as Contradiction[], agreed: 0, away: 0 };
  const state = { size };
  const own: OwnLog = {
    origin: log.origin,
    verifiers: keys.signers,
    size: () => state.size,
    rootAt: async (size) => log.checkpoint(size).root,
  };
  const notes = new Map<number, string>();
  const peer = new Peer({
    peer: { url: "http://w", monitorUrl: "http://w", keys: signer.keys },
    client,
    own,
    consistency: (from, to) => log.proof(from, to),
    target: () => ({ text: notes.get(state.size)!, checkpoint: log.checkpoint(state.size) }),
    onCosigned: (size, signatures) => seen.cosigned.push([size, signatures.length]),
    onAgreed: () => seen.agreed++,
    onAway: () => seen.away++,
    onContradiction: (contradiction) => seen.contradictions.push(contradiction),
    log: silent,
  });
  peers.push(peer);
  const grow = async (size: number) => {
    notes.set(size, await log.note(size));
    state.size = size;
    peer.wake();
  };
  const start = async () => {
    await grow(state.size);
    peer.start();
  };
  return { peer, seen, start, grow };
}

describe("a peer", () => {
  test("asks first what the witness remembers, then has every checkpoint cosigned with both keys", async () => {
    const { witness } = await openWitness(new FaultyFiles(), signer, [keys]);
    const { seen, start, grow, peer } = peerOf(clientOf(witness), 3);
    await start();
    for (const size of [3, 8, 9]) {
      await grow(size);
      await until(() => peer.state.cosignedSize === size);
    }
    expect(seen).toEqual({ cosigned: [3, 8, 9].map((size) => [size, 2]), contradictions: [], agreed: 1, away: 0 });
  });

  test("learns from a 409 what the witness has of it, and proves the rest", async () => {
    const { witness } = await openWitness(new FaultyFiles(), signer, [keys]);
    await witness.addCheckpoint(await log.request(0, 5));
    const { seen, start } = peerOf(clientOf(witness), 9);
    await start();
    await until(() => seen.cosigned.length > 0);
    expect(seen).toMatchObject({ cosigned: [[9, 2]], contradictions: [], agreed: 1 });
  });

  test.each([
    ["ahead of us", () => log.request(0, 12), { kind: "ahead", size: 12, ownSize: 9 }],
    ["of another history", () => other.request(0, 8), { kind: "fork", size: 8, ownSize: 9 }],
  ] as const)("finds a witness %s before it shows it anything, with the proof", async (_name, known, expected) => {
    const { witness } = await openWitness(new FaultyFiles(), signer, [keys]);
    expect((await witness.addCheckpoint(await known())).status).toBe(200);
    const { seen, start } = peerOf(clientOf(witness), 9);
    await start();
    await until(() => seen.contradictions.length > 0);
    expect(seen.contradictions[0]).toMatchObject({ source: "witness http://w", ...expected });
    expect(seen.contradictions[0]!.note).toBe(witness.checkpoint(originHash(log.origin)));
  });

  test.each([
    ["a size that we never had", { kind: "conflict", size: 30 }],
    ["another history", { kind: "refused", status: 422, detail: "" }],
  ] as const)("does not believe a witness that claims %s and shows nothing", async (_name, answer) => {
    const client = { addCheckpoint: async (): Promise<PeerAnswer> => answer, checkpoint: async () => undefined };
    const { seen, start } = peerOf(client, 9);
    await start();
    await until(() => seen.contradictions.length > 0);
    expect(seen.contradictions[0]).toMatchObject({ kind: "claim", note: undefined });
    expect(seen.cosigned).toEqual([]);
  });

  test("finds a witness that has cosigned more of our log under keys that are not here, asks it nothing, and asks again", async () => {
    const rotated = new GrowingLog(logKeys(log.origin));
    const { witness } = await openWitness(new FaultyFiles(), signer, [rotated.keys]);
    expect((await witness.addCheckpoint(await rotated.request(0, 12))).status).toBe(200);
    let asked = 0;
    const client: Client = {
      addCheckpoint: () => Promise.reject(new Error("it is asked for a cosignature")),
      checkpoint: async (hash) => {
        asked++;
        return clientOf(witness).checkpoint(hash);
      },
    };
    const { seen, start, peer } = peerOf(client, 9);
    await start();
    await until(() => asked > 1);
    expect(seen).toMatchObject({ agreed: 0, cosigned: [] });
    expect(seen.contradictions[0]).toMatchObject({ kind: "claim", size: 12, ownSize: 9 });
    expect(seen.contradictions[0]!.note).toBe(witness.checkpoint(originHash(log.origin)));
    expect(peer.state.trouble).toContain("under keys that are not here");
  });

  test("does not believe a checkpoint that only one of our keys has signed", async () => {
    const note = await signCheckpoint(other.checkpoint(20), keys.signers.slice(1));
    const client = {
      addCheckpoint: async (): Promise<PeerAnswer> => ({ kind: "refused", status: 403, detail: "no" }),
      checkpoint: async () => note,
    };
    const { seen, start, peer } = peerOf(client, 9);
    await start();
    await until(() => peer.state.trouble !== undefined);
    expect(seen).toMatchObject({ contradictions: [], agreed: 1 });
    expect(peer.state.trouble).toContain("403");
  });

  test("takes no line that does not hold, and the one that does", async () => {
    const { witness } = await openWitness(new FaultyFiles(), signer, [keys]);
    const honest = clientOf(witness);
    let spoil = (lines: string) => lines.replaceAll(/^(\u2014 \S+ .{60})./gm, "$1!");
    const client: Client = {
      ...honest,
      async addCheckpoint(request) {
        const answer = await honest.addCheckpoint(request);
        return answer.kind === "cosigned" ? { kind: "cosigned", lines: spoil(answer.lines) } : answer;
      },
    };
    const { seen, start, peer } = peerOf(client, 9);
    await start();
    await until(() => peer.state.trouble !== undefined);
    expect(seen.cosigned).toEqual([]);
    spoil = (lines) => `${lines.split("\n")[0]}\n`;
    await until(() => seen.cosigned.length > 0);
    expect(seen.cosigned).toEqual([[9, 1]]);
  });

  test("tries again while the witness is away, and says that it is", async () => {
    const { witness } = await openWitness(new FaultyFiles(), signer, [keys]);
    const honest = clientOf(witness);
    let failures = 2;
    const client: Client = {
      ...honest,
      async checkpoint(hash) {
        if (failures-- > 0) throw new Error("it answered 503");
        return honest.checkpoint(hash);
      },
    };
    const { seen, start, peer } = peerOf(client, 9);
    await start();
    await until(() => seen.cosigned.length > 0);
    expect(seen).toMatchObject({ agreed: 1, away: 2, contradictions: [] });
    await until(() => peer.state.trouble === undefined);
  });
});

test("a claim is held for true once as many witnesses make it as the policy believes, one of them as often as it likes", async () => {
  const names = ["a", "b", "c"];
  const signers = await Promise.all(names.map((name) => testSigner(`${name}.test`)));
  const witnesses = new Map(names.map((name, index) => [name, signers[index]!.keys[0]!]));
  const members = names.map((name) => ({ kind: "witness", name }) as const);
  const claims = new ClaimQuorum({ witnesses, quorum: { kind: "group", name: "two", threshold: 2, members } });
  const claim = async (index: number, size: number) => {
    const lines = await signers[index]!.cosign(log.checkpoint(size), 7n);
    return claims.add(`${await log.note(size)}${lines.map(formatSignature).join("")}`);
  };
  expect(await claim(0, 12)).toBe(false);
  expect(await claim(0, 13)).toBe(false);
  expect(claims.add(await log.note(14))).toBe(false);
  expect(claims.add("anything")).toBe(false);
  expect(await claim(2, 11)).toBe(true);
  expect(await claim(0, 15)).toBe(true);
  for (const each of signers) await each.close();
});

describe("cosignatures", () => {
  const names = ["a", "b", "c"];
  const twoOfThree = {
    kind: "group",
    name: "two",
    threshold: 2,
    members: names.map((name) => ({ kind: "witness", name }) as const),
  } as const;

  async function open(files = new FaultyFiles(), signers?: readonly WitnessSigner[]) {
    const all = signers ?? (await three());
    const witnesses = new Map(names.map((name, index) => [name, all[index]!.keys[0]!]));
    return Cosignatures.open({
      files,
      ledgerDir: "/data/ledger",
      witnesses,
      quorum: twoOfThree,
      onTarget: () => {},
      log: silent,
    });
  }

  let signers: Promise<WitnessSigner[]> | undefined;
  function three(): Promise<WitnessSigner[]> {
    signers ??= Promise.all(names.map((name) => testSigner(`${name}.test`)));
    return signers;
  }

  const stored = async (size: number) => ({ text: await log.note(size), checkpoint: log.checkpoint(size) });
  const lineOf = async (index: number, size: number) => [
    (await (await three())[index]!.cosign(log.checkpoint(size), 7n))[0]!,
  ];

  test("count by the quorum, and a checkpoint is witnessed with all lines it got by then", async () => {
    const cosignatures = await open();
    cosignatures.signed(await stored(5));
    cosignatures.add(5, await lineOf(0, 5));
    expect(cosignatures.witnessed).toBeUndefined();
    // The same witness again does not make two.
    cosignatures.add(5, await lineOf(0, 5));
    expect(cosignatures.witnessed).toBeUndefined();
    cosignatures.add(5, await lineOf(2, 5));
    const note = parseNote(cosignatures.witnessed!.text);
    expect(note.ok && note.value.signatures.length).toBe(4);
    expect(cosignatures.published).toBe(cosignatures.witnessed!.text);
    await cosignatures.close();
  });

  test("are all asked for one checkpoint, whatever is signed meanwhile; then for the newest", async () => {
    const cosignatures = await open();
    for (const size of [5, 6, 7]) cosignatures.signed(await stored(size));
    expect(cosignatures.target?.checkpoint.size).toBe(5);
    for (const index of [0, 1]) cosignatures.add(5, await lineOf(index, 5));
    expect(cosignatures.witnessed?.checkpoint.size).toBe(5);
    expect(cosignatures.target?.checkpoint.size).toBe(7);
    // Late, and for what nobody asks any more.
    cosignatures.add(5, await lineOf(2, 5));
    expect(cosignatures.witnessed?.checkpoint.size).toBe(5);
    await cosignatures.close();
  });

  test("are there after a restart, unless the policy asks for more by then", async () => {
    const files = new FaultyFiles();
    const before = await open(files);
    before.signed(await stored(5));
    for (const index of [0, 1]) before.add(5, await lineOf(index, 5));
    await before.close();
    expect((await open(files)).witnessed?.checkpoint.size).toBe(5);
    const [first, , third] = await three();
    expect((await open(files, [third!, third!, first!])).witnessed).toBeUndefined();
  });
});
