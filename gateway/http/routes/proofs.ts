import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { GatewayError } from "../../../src/errors.ts";
import { encodeBase64 } from "../../../src/ledger/base64.ts";
import { blockProofJson } from "../../../src/ledger/block-proof.ts";
import { formatProofFile } from "../../../src/ledger/proof-file.ts";
import { prefers } from "../accept.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** The next checkpoint is seldom further away. */
const retryAfterSeconds = 1;

const coseType = "application/cose";
/** RFC 9052 §11.1 */
const coseSign1Type = 'application/cose; cose-type="cose-sign1"';

/** Bytes, which no response schema speaks of. */
function sendReceipt(reply: FastifyReply, receipt: Uint8Array): FastifyReply {
  return reply.type(coseSign1Type).send(Buffer.from(receipt));
}

/** Proofs that need no trust in who serves them, and one that does and says so. */
export const proofRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { ledger, log, coseReceipts }) => {
  const stateOf = async (leafIndex: number) => {
    const entry = await ledger.entry(leafIndex);
    if (!entry) throw new GatewayError("ENTRY_NOT_FOUND", `the ledger has no durable entry ${leafIndex}`);
    return { leafIndex, state: entry.state };
  };

  app.get(
    "/entries/:leafIndex/proof",
    {
      schema: {
        tags: ["ledger"],
        summary: "That the entry is in the log: a C2SP tlog-proof with the leaf in its extra line, or a COSE receipt",
        params: shapes.entryParams,
        querystring: shapes.receiptQuery,
        response: shapes.answers({
          200: {
            description: "C2SP tlog-proof; with `Accept: application/cose` an RFC 9942 receipt of inclusion",
            content: { "text/plain": { schema: Type.String() }, [coseType]: { schema: Type.String() } },
          },
          202: shapes.notYetProven,
        }),
      },
    },
    async ({ params: { leafIndex }, query: { signature }, headers: { accept } }, reply) => {
      reply.header("vary", "accept");
      if (prefers(coseType, "text/plain", accept)) {
        const receipt = await coseReceipts.inclusion(leafIndex, signature);
        if (receipt !== undefined) return sendReceipt(reply as FastifyReply, receipt);
        return reply
          .code(202)
          .header("retry-after", retryAfterSeconds)
          .send(await stateOf(leafIndex));
      }
      const proof = await log.inclusion(leafIndex);
      if (proof !== undefined)
        return reply
          .header("content-type", "text/plain; charset=utf-8")
          .header("content-disposition", `attachment; filename="leaf-${leafIndex}.tlog-proof"`)
          .send(formatProofFile(proof));
      return reply
        .code(202)
        .header("retry-after", retryAfterSeconds)
        .send(await stateOf(leafIndex));
    },
  );

  app.get(
    "/entries/:leafIndex/block-proof",
    {
      schema: {
        tags: ["ledger"],
        summary: "That the entry is in a sealed block: a few hashes, gateway-signed, not witnessed",
        params: shapes.entryParams,
        response: shapes.answers({ 200: shapes.blockProof, 202: shapes.notYetProven }),
      },
    },
    async ({ params: { leafIndex } }, reply) => {
      const proof = await log.blockProof(leafIndex);
      if (proof !== undefined) return { ...blockProofJson(proof), hashes: proof.hashes.map(encodeBase64) };
      return reply
        .code(202)
        .header("retry-after", retryAfterSeconds)
        .send(await stateOf(leafIndex));
    },
  );

  app.get(
    "/consistency",
    {
      schema: {
        tags: ["ledger"],
        summary:
          "That the log of one size begins with the log of a smaller one (RFC 6962 §2.1.2), also as a COSE receipt",
        querystring: shapes.consistencyQuery,
        response: shapes.answers({ 200: shapes.consistency }),
      },
    },
    async ({ query: { from, to, signature }, headers: { accept } }, reply) => {
      reply.header("vary", "accept");
      if (prefers(coseType, "application/json", accept)) {
        if (to !== undefined)
          throw new GatewayError("REQUEST_INVALID", "a receipt leads to the latest checkpoint: no to");
        const receipt = await coseReceipts.consistency(from, signature);
        if (receipt !== undefined) return sendReceipt(reply as FastifyReply, receipt);
        throw new GatewayError("NOT_FOUND", `the checkpoint covers no more than ${from} entries`);
      }
      if (to !== undefined && from > to) throw new GatewayError("REQUEST_INVALID", `from ${from} is above to ${to}`);
      const proof = await log.consistency(from, to);
      if (proof === undefined) throw new GatewayError("NOT_FOUND", "the checkpoint does not cover so many entries");
      return { from: proof.oldSize, to: proof.newSize, hashes: proof.hashes.map(encodeBase64) };
    },
  );
};
