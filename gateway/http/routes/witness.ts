import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { GatewayError } from "../../../src/errors.ts";
import type { Services } from "../services.ts";

/** A request of 63 hashes and a checkpoint with dozens of signatures is shorter. */
const maxBodyBytes = 131_072;
const retryAfterSeconds = 5;

/** The C2SP tlog-witness API: for the logs that this gateway witnesses, and for whoever wants to see what it has cosigned. */
export const witnessRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { witness }) => {
  // The API prescribes no content type, and no problem JSON in its answers.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  app.post("/witness/add-checkpoint", { bodyLimit: maxBodyBytes, schema: { hide: true } }, async (request, reply) => {
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
    const answer = await witness.addCheckpoint(body);
    if (answer.status === 503) reply.header("retry-after", retryAfterSeconds);
    return reply.code(answer.status).header("content-type", answer.type).send(answer.body);
  });

  app.get<{ Params: { hash: string } }>(
    "/witness/:hash/checkpoint",
    { schema: { hide: true } },
    async (request, reply) => {
      const note = witness.checkpoint(request.params.hash);
      if (note === undefined) throw new GatewayError("NOT_FOUND", "no checkpoint of such a log was cosigned here");
      return reply.header("content-type", "text/plain; charset=utf-8").header("cache-control", "no-cache").send(note);
    },
  );
};
