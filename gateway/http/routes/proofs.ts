import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { GatewayError } from "../../../src/errors.ts";
import { encodeBase64 } from "../../../src/ledger/base64.ts";
import { formatProofFile } from "../../../src/ledger/proof-file.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** The next checkpoint is seldom further away. */
const retryAfterSeconds = 1;

/** Proofs that need no trust in who serves them. */
export const proofRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { ledger, log }) => {
  app.get(
    "/entries/:leafIndex/proof",
    {
      schema: {
        tags: ["ledger"],
        summary: "That the entry is in the log: a C2SP tlog-proof with the leaf in its extra line",
        params: shapes.entryParams,
        response: shapes.answers({
          200: { description: "C2SP tlog-proof", content: { "text/plain": { schema: Type.String() } } },
          202: shapes.notYetProven,
        }),
      },
    },
    async ({ params: { leafIndex } }, reply) => {
      const proof = await log.inclusion(leafIndex);
      if (proof !== undefined)
        return reply
          .header("content-type", "text/plain; charset=utf-8")
          .header("content-disposition", `attachment; filename="leaf-${leafIndex}.tlog-proof"`)
          .send(formatProofFile(proof));
      const entry = await ledger.entry(leafIndex);
      if (!entry) throw new GatewayError("ENTRY_NOT_FOUND", `the ledger has no durable entry ${leafIndex}`);
      return reply.code(202).header("retry-after", retryAfterSeconds).send({ leafIndex, state: entry.state });
    },
  );

  app.get(
    "/consistency",
    {
      schema: {
        tags: ["ledger"],
        summary: "That the log of one size begins with the log of a smaller one (RFC 6962 §2.1.2)",
        querystring: shapes.consistencyQuery,
        response: shapes.answers({ 200: shapes.consistency }),
      },
    },
    async ({ query: { from, to } }) => {
      if (to !== undefined && from > to) throw new GatewayError("REQUEST_INVALID", `from ${from} is above to ${to}`);
      const proof = await log.consistency(from, to);
      if (proof === undefined) throw new GatewayError("NOT_FOUND", "the checkpoint does not cover so many entries");
      return { from: proof.oldSize, to: proof.newSize, hashes: proof.hashes.map(encodeBase64) };
    },
  );
};
