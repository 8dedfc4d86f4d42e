import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** The conservation law in numbers: received − inFlight = stored + duplicate + quarantined + rejected. */
export const statsRoutes: FastifyPluginAsyncTypebox<Services> = async (
  app,
  { gatewayId, version, health, airtime, listeners },
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
    "/airtime",
    {
      schema: {
        tags: ["gateway"],
        summary: "Time on air by LoRa, in all and by device, with the budgets of what may be sent",
        response: shapes.answers({ 200: shapes.airtime }),
      },
    },
    async () => {
      const report = airtime();
      return { ...report, devices: [...report.devices] };
    },
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
