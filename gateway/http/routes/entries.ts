import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { GatewayError } from "../../../src/errors.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** The ledger, entry by entry, with the device's bytes verbatim. */
export const entryRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { ledger }) => {
  app.get(
    "/entries/:leafIndex",
    {
      schema: {
        tags: ["ledger"],
        summary: "One ledger entry",
        params: shapes.entryParams,
        response: shapes.answers({ 200: shapes.entry }),
      },
    },
    async ({ params: { leafIndex } }) => {
      const entry = await ledger.entry(leafIndex);
      if (!entry) throw new GatewayError("ENTRY_NOT_FOUND", `the ledger has no durable entry ${leafIndex}`);
      return {
        ...entry,
        payload: Buffer.from(entry.payload).toString("base64"),
        leafHash: Buffer.from(entry.leafHash).toString("hex"),
      };
    },
  );
};
