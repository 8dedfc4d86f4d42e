import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { GatewayError } from "../../../src/errors.ts";
import { readingsPageJson } from "../exact-json.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** What the devices measured, from the database, with every digit they sent. */
export const readingRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { readings }) => {
  app.get(
    "/readings",
    {
      schema: {
        tags: ["readings"],
        summary: "Readings by time, newest first unless told",
        querystring: shapes.readingsQuery,
        response: shapes.answers({ 200: shapes.page(shapes.reading) }),
      },
    },
    async ({ query: { from, to, ...query } }, reply) => {
      const { data, next } = await readings.query({ ...query, from: instant("from", from), to: instant("to", to) });
      return reply
        .type("application/json; charset=utf-8")
        .serializer((json: string) => json)
        .send(readingsPageJson(data, next) as never);
    },
  );
};

/** @throws GatewayError REQUEST_INVALID for what looks like a time and is none */
export function instant(field: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new GatewayError("REQUEST_INVALID", `${field} is not a time`);
  return date;
}
