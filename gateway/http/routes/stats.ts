import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** The conservation law in numbers: received − inFlight = stored + duplicate + quarantined + rejected. */
export const statsRoutes: FastifyPluginAsyncTypebox<Services> = async (
  app,
  { gatewayId, version, health, listeners },
) => {
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
  app.get(
    "/listeners",
    {
      schema: {
        tags: ["gateway"],
        summary: "Where devices and clients reach the gateway",
        response: shapes.answers({ 200: Type.Object({ data: Type.Array(shapes.listener) }) }),
      },
    },
    async () => ({ data: [...listeners()] }),
  );
};
