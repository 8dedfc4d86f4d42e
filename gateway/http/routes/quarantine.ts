import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { GatewayError } from "../../../src/errors.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

const tags = ["quarantine"];

/** What could not be verified: to look at, to release once the right key is enrolled, to remove. */
export const quarantineRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { quarantine }) => {
  const notFound = (id: number) => new GatewayError("QUARANTINE_NOT_FOUND", `quarantine holds no message ${id}`);

  app.get(
    "/quarantine",
    {
      schema: {
        tags,
        summary: "List the quarantined messages",
        querystring: shapes.quarantineQuery,
        response: shapes.answers({ 200: shapes.page(shapes.quarantineItem) }),
      },
    },
    async ({ query }) => {
      const { data, next } = quarantine.list(query);
      return { data: [...data], next };
    },
  );

  app.get(
    "/quarantine/:id",
    {
      schema: {
        tags,
        summary: "One quarantined message with its bytes",
        params: shapes.quarantineParams,
        response: shapes.answers({ 200: shapes.quarantineItemWithPayload }),
      },
    },
    async ({ params: { id } }) => {
      const item = quarantine.find(id);
      const payload = item && (await quarantine.payload(id));
      if (!item || !payload) throw notFound(id);
      return { ...item, payload: Buffer.from(payload).toString("base64") };
    },
  );

  app.post(
    "/quarantine/:id/release",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Verify again and move into the ledger with the original receive time",
        params: shapes.quarantineParams,
        response: shapes.answers({ 200: Type.Object({ leafIndex: shapes.leafIndex }) }),
      },
    },
    async ({ params: { id }, operator }) => quarantine.release(id, operator),
  );

  app.delete(
    "/quarantine/:id",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Remove for good",
        params: shapes.quarantineParams,
        response: shapes.answers({ 204: shapes.noContent }),
      },
    },
    async ({ params: { id }, operator }, reply) => {
      await quarantine.remove(id, operator);
      return reply.code(204).send(null);
    },
  );
};
