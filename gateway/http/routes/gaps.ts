import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { GatewayError } from "../../../src/errors.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";
import { instant } from "./readings.ts";

/** Which messages of a device are missing, as far as its numbers tell. */
export const gapRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { registry, gaps }) => {
  app.get(
    "/devices/:id/gaps",
    {
      schema: {
        tags: ["devices"],
        summary: "Missing sequence numbers of a device, by counter and run",
        params: shapes.deviceParams,
        querystring: shapes.gapQuery,
        response: shapes.answers({ 200: shapes.gaps }),
      },
    },
    async ({ params: { id }, query: { from, to } }) => {
      if (!registry.find(id)) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id} is enrolled`);
      const { isComplete, counters, ...report } = await gaps.gaps({
        device: id,
        from: instant("from", from),
        to: instant("to", to),
      });
      return {
        ...report,
        complete: isComplete,
        counters: counters.map(({ runs, ...counter }) => ({
          ...counter,
          runs: runs.map(({ gaps: list, ...run }) => ({ ...run, gaps: [...list] })),
        })),
      };
    },
  );
};
