/** Each adapter to a crypto library, against the vectors that the gateway's own code is tested with. */
import { createHash, randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { envelopeVectors, fieldsOf, parsed, statusOf } from "../support/codec-vectors.ts";
import { answers, buildFolder, buildProgram } from "../support/firmware.ts";
import { isInstalled, needs } from "../support/needs.ts";

const { accepted, rejected } = envelopeVectors;
const standIn = fileURLToPath(new URL("stand-ins/monocypher", import.meta.url));
// Debian has no package of Monocypher: where somebody installed it, that is what is tested, else only how it is called.
const hasMonocypher = isInstalled("monocypher.h");
const adapters = {
  libsodium: ["-lsodium"],
  [hasMonocypher ? "Monocypher" : "calls of Monocypher"]: hasMonocypher
    ? ["-DWITH_MONOCYPHER", "-lmonocypher"]
    : ["-DWITH_MONOCYPHER", `-isystem${standIn}`, "-lsodium"],
};

describe.each(["gcc", "clang"] as const)("%s", (compiler) => {
  const folder = buildFolder();

  needs(compiler, "sodium.h")("an adapter that has all there is", () => {
    test.each(Object.entries(adapters))(
      "%s: signs and verifies every vector, and refuses what is to be refused",
      (_, flags) => {
        const program = buildProgram(folder, "codec-driver", flags, compiler);
        const ask = (lines: readonly string[]): string[] => answers(program, lines);
        const fields = accepted.map(({ cbor }) => fieldsOf(parsed(cbor)));
        expect(ask(accepted.map(({ seed }, at) => `build ${seed} ${fields[at]}`))).toEqual(
          accepted.map(({ cbor }) => `0 ${cbor}`),
        );
        expect(ask(accepted.map(({ cbor, publicKey }) => `verify ${publicKey} ${cbor}`))).toEqual(
          fields.map((text) => `0 ${text}`),
        );
        const refused = ask(rejected.map(({ cbor, publicKey }) => `verify ${publicKey} ${cbor}`));
        expect(refused.map((answer, at) => [rejected[at]!.name, Number(answer)])).toEqual(
          rejected.map(({ name, reject }) => [name, statusOf[reject]]),
        );
      },
    );
  });

  needs(
    compiler,
    "sodium.h",
    "mbedtls/sha256.h",
  )("mbedTLS and PSA Crypto", () => {
    const program = buildProgram(folder, "hash-driver", ["-lsodium", "-lmbedcrypto"], compiler);

    test("hash with SHA-256", () => {
      const inputs = [Buffer.from("abc"), ...[0, 1, 55, 56, 64, 1000].map((size) => randomBytes(size))];
      const digests = inputs.map((data) => createHash("sha256").update(data).digest("hex"));
      expect(
        answers(
          program,
          inputs.map((data) => `sha256 ${data.toString("hex")}`),
        ),
      ).toEqual(digests.map((digest) => `0 ${digest} 0 ${digest}`));
    });

    test("mbedTLS, asked for an Ed25519 it has not, signs nothing and believes nothing", () => {
      const [crypto, signature] = [-3, -14];
      expect(answers(program, [`envelope ${accepted[0]!.cbor}`])).toEqual([`${crypto} ${signature}`]);
    });
  });
});
