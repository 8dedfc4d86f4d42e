import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { GatewayError } from "../../../src/errors.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

const tags = ["gateway"];
const text = (description: string) => ({ description, content: { "text/plain": { schema: Type.String() } } });

/** What needs no token: probes, metrics, and the log's checkpoint, which is signed for everyone. */
export const openRoutes: FastifyPluginAsyncTypebox<Services> = async (app, services) => {
  const { gatewayId, version, health, ledger } = services;

  app.get(
    "/healthz",
    {
      schema: {
        tags,
        summary: "The process is alive",
        response: shapes.answers({
          200: Type.Object({ status: Type.Literal("ok"), gatewayId: Type.String(), version: Type.String() }),
        }),
      },
    },
    async () => ({ status: "ok" as const, gatewayId, version }),
  );

  app.get(
    "/readyz",
    {
      schema: {
        tags,
        summary: "Uploads can be accepted and committed; 503 while they cannot",
        response: { 200: shapes.readiness, 503: shapes.readiness },
      },
    },
    async (_request, reply) => {
      const readiness = health.readiness();
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  );

  app.get(
    "/metrics",
    { schema: { tags, summary: "Prometheus metrics", response: { 200: text("Prometheus text format 0.0.4") } } },
    async (_request, reply) =>
      reply.header("content-type", "text/plain; version=0.0.4; charset=utf-8").send(await services.metrics()),
  );

  app.get(
    "/checkpoint",
    {
      schema: {
        tags: ["ledger"],
        summary: "Latest signed checkpoint, a C2SP note",
        response: shapes.answers({ 200: text("C2SP tlog-checkpoint") }),
      },
    },
    async (_request, reply) => {
      const checkpoint = ledger.checkpoint();
      if (checkpoint === undefined) throw new GatewayError("NOT_FOUND", "the ledger has no checkpoint yet");
      return reply
        .header("content-type", "text/plain; charset=utf-8")
        .header("cache-control", "no-cache")
        .send(checkpoint);
    },
  );
};
