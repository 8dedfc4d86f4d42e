import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** The conservation law in numbers: received − inFlight = stored + duplicate + quarantined + rejected. */
export const statsRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { gatewayId, version, health }) => {
  app.get(
    "/stats",
    {
      schema: {
        tags: ["gateway"],
        summary: "Counts since start, in total and by transport",
        response: shapes.answers({ 200: shapes.stats }),
      },
    },
    async () => ({ gatewayId, version, ...health.stats() }),
  );
};
