import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { GatewayError } from "../../../src/errors.ts";
import type { Services, TrackPoint } from "../services.ts";
import * as shapes from "../shapes.ts";
import { instant } from "./readings.ts";

/** Where devices were, as GeoJSON (RFC 7946). */
export const trackRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { registry, tracks }) => {
  app.get(
    "/devices/:id/track",
    {
      schema: {
        tags: ["devices"],
        summary: "Where a device was, oldest first: a line, and its points with their times",
        params: shapes.deviceParams,
        querystring: shapes.trackQuery,
        response: shapes.answers({ 200: shapes.track }),
      },
    },
    async ({ params: { id }, query: { from, to, ...query } }, reply) => {
      if (!registry.find(id)) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id} is enrolled`);
      const span = { from: instant("from", from), to: instant("to", to) };
      const { points, next } = await tracks.track({ ...query, ...span, device: id });
      reply.type("application/geo+json; charset=utf-8");
      return featureCollection(id, points, next);
    },
  );
};

function featureCollection(deviceId: string, points: readonly TrackPoint[], next: string | null) {
  const coordinates = points.map(positionOf);
  const line = {
    type: "Feature" as const,
    geometry: { type: "LineString" as const, coordinates },
    properties: { deviceId, times: points.map(({ time }) => time) },
  };
  const features = points.map(({ time, leafIndex, verification, timeSource, accuracyM }, at) => ({
    type: "Feature" as const,
    geometry: { type: "Point" as const, coordinates: coordinates[at]! },
    properties: { deviceId, time, leafIndex, verification, timeSource, ...(accuracyM !== undefined && { accuracyM }) },
  }));
  // RFC 7946 §3.1.4: a line has two positions or more. `next` is a foreign member, §6.1.
  return { type: "FeatureCollection" as const, features: points.length < 2 ? features : [line, ...features], next };
}

/** RFC 7946 §3.1.1: longitude, latitude, altitude. */
function positionOf({ latE7, lonE7, altitudeM }: TrackPoint): number[] {
  const position = [lonE7 / 1e7, latE7 / 1e7];
  return altitudeM === undefined ? position : [...position, altitudeM];
}
