import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";
import { instant } from "./readings.ts";

/** What was decided and by whom, and what befell the gateway. */
export const eventRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { events }) => {
  app.get(
    "/events",
    {
      schema: {
        tags: ["ledger"],
        summary: "The ledger's events: enrolments, revocations, releases, sign-ins, changed settings, key rotations, …",
        querystring: shapes.eventsQuery,
        response: shapes.answers({ 200: shapes.page(shapes.event) }),
      },
    },
    async ({ query: { from, to, ...query } }) => {
      const { data, next } = await events.list({ ...query, from: instant("from", from), to: instant("to", to) });
      return { data: [...data], next };
    },
  );
};
