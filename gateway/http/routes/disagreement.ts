import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { latestDisagreement, type SlotReading } from "../../../src/dialects/disagreement.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { ReadingRow, Services } from "../services.ts";
import * as shapes from "../shapes.ts";

/** The newest readings of a device that are looked at: some twenty lines of a board that sends one for each sensor. */
const looked = 1_000;

/** How much the two gas sensors of a board disagree. docs/adr/0081 */
export const disagreementRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { registry, readings }) => {
  app.get(
    "/devices/:id/disagreement",
    {
      schema: {
        tags: ["devices"],
        summary: "How much the two gas sensors of a board disagree, from the latest readings of both",
        params: shapes.deviceParams,
        response: shapes.answers({ 200: shapes.disagreement }),
      },
    },
    async ({ params: { id } }) => {
      if (!registry.find(id)) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id} is enrolled`);
      const { data } = await readings.query({ device: id, limit: looked, order: "desc" });
      const found = latestDisagreement(data.flatMap(slotReading));
      if (!found) return { deviceId: id, index: null, time: null, parts: [] };
      return { deviceId: id, index: found.index, time: new Date(found.atMs).toISOString(), parts: [...found.parts] };
    },
  );
};

function slotReading({ time, sensor, value, unit, quality }: ReadingRow): SlotReading[] {
  if (typeof sensor !== "string" || typeof value !== "string") return [];
  // Of the quantities compared, only a pressure comes in two units.
  const number = unit === "Pa" ? Number(value) / 100 : Number(value);
  return [{ atMs: Date.parse(time), sensor, value: number, quality }];
}
