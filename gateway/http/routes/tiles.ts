import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { GatewayError } from "../../../src/errors.ts";
import { parseTilePath } from "../../../src/ledger/tiles.ts";
import type { Services } from "../services.ts";

/** The log itself, as C2SP tlog-tiles has it: for everyone, and never beyond what the checkpoint covers. */
export const tileRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { log }) => {
  // Not in the OpenAPI document, which has no words for a path of any depth.
  app.get("/tile/*", { schema: { hide: true } }, async (request, reply) => {
    // The path as it was sent: one tile has one address, or caches would keep it under many.
    const path = parseTilePath(request.url.slice(1).split("?", 1)[0]!);
    const tile = path && (await log.tile(path));
    if (tile === undefined) throw new GatewayError("NOT_FOUND", "the checkpointed log has no such tile");
    return reply
      .header("content-type", "application/octet-stream")
      .header("cache-control", "public, max-age=31536000, immutable")
      .send(tile);
  });
};
