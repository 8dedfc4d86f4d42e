import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";

const tags = ["ledger"];

/** Journal, hash files, database and checkpoint held against each other. */
export const scrubRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { scrub }) => {
  app.get(
    "/scrub",
    {
      schema: {
        tags,
        summary: "What the scrub is doing, what its last pass has found, and what is still damaged",
        response: shapes.answers({ 200: shapes.scrub }),
      },
    },
    async () => {
      const { running, last, open, ...settings } = scrub.view();
      const shown = (pass: typeof last) => pass && { ...pass, findings: [...pass.findings] };
      return { ...settings, running: shown(running), last: shown(last), open: [...open] };
    },
  );
  app.post(
    "/scrub",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary: "Begin a pass over everything now",
        response: shapes.answers({ 202: Type.Object({ number: Type.Integer() }) }),
      },
    },
    async (_request, reply) => reply.code(202).send({ number: scrub.begin() }),
  );
};
