import { createHash, createPublicKey, verify } from "node:crypto";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { originHash } from "../../../gateway/witness/cosigned-heads.ts";
import type { WitnessSigner } from "../../../gateway/witness/witness-signer.ts";
import { signCheckpoint } from "../../../src/ledger/checkpoint.ts";
import { parseNote } from "../../../src/ledger/note.ts";
import { formatAddCheckpoint, parseAddCheckpoint } from "../../../src/ledger/witness-request.ts";
import { FaultyFiles } from "../../support/faulty-files.ts";
import { seeded } from "../../support/seeded.ts";
import { logKeys } from "../../support/signed-log.ts";
import { GrowingLog, openWitness, testSigner, witnessName } from "../../support/witnesses.ts";

const keys = logKeys("log.test/1");
const log = new GrowingLog(keys);
const other = new GrowingLog(keys, "another ");
let signer: WitnessSigner;
beforeAll(async () => {
  signer = await testSigner();
});
afterAll(() => signer.close());

const open = (files = new FaultyFiles(), nowUs?: () => number) => openWitness(files, signer, [keys], nowUs);

/** Base64 of a signature line, taken apart by the specification alone. */
function lineOf(line: string) {
  const [, dash, name, encoded] = /^(\u2014) (\S+) (\S+)$/u.exec(line)!;
  const bytes = Buffer.from(encoded!, "base64");
  return { dash, name, keyId: bytes.subarray(0, 4), time: bytes.readBigUInt64BE(4), signature: bytes.subarray(12) };
}

describe("cosigning", () => {
  test("answers with two lines that hold by the specification, byte for byte", async () => {
    const { witness } = await open();
    const { status, body } = await witness.addCheckpoint(await log.request(0, 7));
    expect(status).toBe(200);
    const [classical, postQuantum, rest] = body.split("\n").map((line) => (line === "" ? undefined : lineOf(line)));
    expect(rest).toBeUndefined();
    const { root } = log.checkpoint(7);
    const [ed, ml] = signer.keys.map(({ publicKey }) => publicKey) as [Uint8Array, Uint8Array];

    // C2SP tlog-cosignature: key ids are SHA-256(name LF type key)[:4].
    const keyId = (type: number, key: Uint8Array) =>
      createHash("sha256").update(`${witnessName}\n`).update(Uint8Array.of(type)).update(key).digest().subarray(0, 4);
    expect(classical).toMatchObject({ name: witnessName, keyId: keyId(0x04, ed), time: 1_790_000_000n });
    expect(postQuantum).toMatchObject({ name: witnessName, keyId: keyId(0x06, ml), time: 1_790_000_000n });

    const text = `log.test/1\n7\n${Buffer.from(root).toString("base64")}\n`;
    const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), ed]);
    const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
    const message = Buffer.from(`cosignature/v1\ntime 1790000000\n${text}`);
    expect(verify(null, message, publicKey, classical!.signature)).toBe(true);

    const struct = Buffer.concat([
      Buffer.from("subtree/v1\n\0"),
      Buffer.from([witnessName.length]),
      Buffer.from(witnessName),
      Buffer.from("000000006ab13b80", "hex"),
      Buffer.from(["log.test/1".length]),
      Buffer.from("log.test/1"),
      Buffer.from("0000000000000000", "hex"),
      Buffer.from("0000000000000007", "hex"),
      root,
    ]);
    expect(0x6ab13b80).toBe(1_790_000_000);
    expect(ml_dsa44.verify(postQuantum!.signature, struct, ml)).toBe(true);
  });

  test("shows what it has cosigned, with the log's lines and its own", async () => {
    const { witness } = await open();
    const hash = originHash("log.test/1");
    expect(witness.checkpoint(hash)).toBeUndefined();
    const { body } = await witness.addCheckpoint(await log.request(0, 7));
    const note = parseNote(witness.checkpoint(hash)!);
    expect(note.ok && note.value.signatures.length).toBe(4);
    expect(witness.checkpoint(hash)!.endsWith(body)).toBe(true);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test("follows the log, also by steps of nothing", async () => {
    const { witness } = await open();
    for (const [from, to] of [
      [0, 0],
      [0, 3],
      [3, 3],
      [3, 8],
      [8, 9],
      [9, 40],
      [40, 40],
    ] as const)
      expect((await witness.addCheckpoint(await log.request(from, to))).status, `${from} to ${to}`).toBe(200);
  });

  test("never signs an earlier time than before, whatever the clock says, not even after a restart", async () => {
    const files = new FaultyFiles();
    let nowUs = 1_790_000_500_000_000;
    const times: bigint[] = [];
    for (const [from, to, seconds] of [
      [0, 3, 500],
      [3, 4, 100],
      [4, 5, 600],
      [5, 6, 0],
    ] as const) {
      nowUs = (1_790_000_000 + seconds) * 1_000_000;
      const { witness } = await open(files, () => nowUs);
      const { body } = await witness.addCheckpoint(await log.request(from, to));
      for (const line of body.trimEnd().split("\n")) times.push(lineOf(line).time - 1_790_000_000n);
    }
    expect(times).toEqual([500n, 500n, 500n, 500n, 600n, 600n, 600n, 600n]);
  });
});

describe("refused, with the status of the specification, is", () => {
  const answerTo = async (body: Uint8Array) => {
    const { witness } = await open();
    expect((await witness.addCheckpoint(await log.request(0, 7))).status).toBe(200);
    return witness.addCheckpoint(body);
  };

  test.each([
    ["what is no request", Buffer.from("hello\n\n"), 400],
    ["an empty body", Buffer.alloc(0), 400],
    ["a size with a leading zero", Buffer.from("old 07\n\nx"), 400],
    ["a proof line that is no hash", Buffer.from("old 7\nAAAA\n\nx"), 400],
  ])("%s", async (_name, body, status) => expect((await answerTo(body)).status).toBe(status));

  test("a checkpoint with an extension line", async () => {
    const note = (await log.note(9)).replace("\n\n", "\nextension\n\n");
    expect((await answerTo(Buffer.from(formatAddCheckpoint({ oldSize: 7, proof: [], note })))).status).toBe(400);
  });

  test("more than 63 hashes", async () => {
    const proof = Array.from({ length: 64 }, () => Buffer.alloc(32));
    const body = formatAddCheckpoint({ oldSize: 7, proof, note: await log.note(9) });
    expect((await answerTo(Buffer.from(body))).status).toBe(400);
  });

  test("an old size above the new one", async () => expect((await answerTo(await log.request(9, 8))).status).toBe(400));

  test("a log that is not witnessed here", async () => {
    const stranger = new GrowingLog(logKeys("stranger.test/1"));
    expect((await answerTo(await stranger.request(0, 3))).status).toBe(404);
  });

  test("a checkpoint without one of the log's signatures, with a bad one, or by another key of that name", async () => {
    const [first, second] = keys.signers;
    const impostor = logKeys("log.test/1").signers[0]!;
    const signedBy = async (...signers: typeof keys.signers) => {
      const note = await signCheckpoint(log.checkpoint(9), signers);
      return formatAddCheckpoint({ oldSize: 7, proof: await log.proof(7, 9), note });
    };
    expect((await answerTo(Buffer.from(await signedBy(first!, second!)))).status).toBe(200);
    for (const signers of [[first!], [second!], [impostor, second!]])
      expect((await answerTo(Buffer.from(await signedBy(...signers)))).status).toBe(403);
    const posed = { ...impostor, keyId: first!.keyId };
    expect((await answerTo(Buffer.from(await signedBy(first!, second!, posed)))).status).toBe(403);
  });

  test("another old size: 409 with the size it has, as text/x.tlog.size", async () => {
    expect(await answerTo(await log.request(0, 9))).toEqual({ status: 409, type: "text/x.tlog.size", body: "7\n" });
    expect(await answerTo(await log.request(6, 9))).toMatchObject({ status: 409, body: "7\n" });
  });

  test("another history: 422, at the same size and at a larger one; only the first proves a fork, and raises the alarm", async () => {
    const { witness } = await open();
    expect((await witness.addCheckpoint(await log.request(0, 7))).status).toBe(200);
    expect((await witness.addCheckpoint(await other.request(7, 9))).status).toBe(422);
    // Anybody can send a true checkpoint with a wrong proof.
    const note = await log.note(9);
    const body = formatAddCheckpoint({ oldSize: 7, proof: [], note });
    expect((await witness.addCheckpoint(Buffer.from(body))).status).toBe(422);
    expect(witness.alarms).toEqual([]);
    for (const _ of [1, 2]) expect((await witness.addCheckpoint(await other.request(7, 7))).status).toBe(422);
    expect(witness.alarms).toEqual(["the witnessed log log.test/1 has signed two histories of 7 entries"]);
  });

  test("a proof that proves too much or too little: 422", async () => {
    const note = await log.note(9);
    const proof = await log.proof(7, 9);
    for (const wrong of [[], [...proof, Buffer.alloc(32)], proof.slice(1), [...proof].reverse()])
      expect((await answerTo(Buffer.from(formatAddCheckpoint({ oldSize: 7, proof: wrong, note })))).status).toBe(422);
    const first = formatAddCheckpoint({ oldSize: 0, proof: [Buffer.alloc(32)], note });
    const { witness } = await open();
    expect((await witness.addCheckpoint(Buffer.from(first))).status).toBe(422);
  });

  test("an empty tree with another root than the empty one: 422", async () => {
    const note = await signCheckpoint({ ...log.checkpoint(0), root: log.checkpoint(1).root }, keys.signers);
    const { witness } = await open();
    const body = formatAddCheckpoint({ oldSize: 0, proof: [], note });
    expect((await witness.addCheckpoint(Buffer.from(body))).status).toBe(422);
  });
});

describe("one history", () => {
  test("of two that are handed in at the same time, one is cosigned", async () => {
    const { witness } = await open();
    const answers = await Promise.all(
      [await log.request(0, 9), await other.request(0, 12), await log.request(0, 20)].map((body) =>
        witness.addCheckpoint(body),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 409, 409]);
  });

  test.each(["EIO", "ENOSPC", "end"] as const)(
    "is all that is ever cosigned, whichever call of the disk fails with %s, and however the power goes then",
    async (fault) => {
      const random = seeded(7);
      let cosigned = 0;
      for (let failing = 1; failing <= 12; failing++) {
        const files = new FaultyFiles();
        const { witness } = await open(files);
        files.failCall(failing, fault);
        const { status } = await witness.addCheckpoint(await log.request(0, 8));
        for (const disk of [files.copyOfSynced(), files.afterKill(), files.afterPowerCut(random)]) {
          const after = await open(disk);
          for (const oldSize of [0, 8]) {
            const { status: second } = await after.witness.addCheckpoint(await other.request(oldSize, 12));
            if (status === 200) expect(second, `call ${failing}`).not.toBe(200);
          }
        }
        if (status === 200) cosigned++;
      }
      expect(cosigned, "the last calls fail nothing").toBeGreaterThan(0);
      expect(cosigned).toBeLessThan(12);
    },
  );

  test("a record that cannot be read gets no cosignature for its log, and none is written over it", async () => {
    const files = new FaultyFiles();
    const before = await open(files);
    await before.witness.addCheckpoint(await log.request(0, 8));
    const path = `/data/witness/${originHash("log.test/1")}`;
    const note = before.heads.latest("log.test/1")!.note;
    for (const damaged of ["", note.slice(0, -40), note.replace("\n8\n", "\n9\n"), await log.note(8)]) {
      files.put(path, Buffer.from(damaged));
      const { witness, heads } = await open(files);
      expect(heads.unusable.size).toBe(1);
      for (const size of [3, 8, 9]) {
        const { status } = await witness.addCheckpoint(await other.request(0, size));
        expect(status).toBe(503);
      }
    }
  });
});

test("a request is read as it was written, and any bytes are read or refused", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 }),
      fc.string(),
      (oldSize, proof, note) => {
        const parsed = parseAddCheckpoint(Buffer.from(formatAddCheckpoint({ oldSize, proof, note })));
        expect(parsed).toEqual({ ok: true, value: { oldSize, proof, note } });
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(typeof parseAddCheckpoint(bytes).ok).toBe("boolean");
    }),
  );
});
