import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Command, isFinished } from "../../../src/commands/command.ts";
import { GatewayError } from "../../../src/errors.ts";
import type { Services } from "../services.ts";
import * as shapes from "../shapes.ts";
import { isoTime, isoTimeOrNull } from "./devices.ts";

const tags = ["commands"];

/** Commands to devices: each is in the ledger before it is sent, and what came of it afterwards. */
export const commandRoutes: FastifyPluginAsyncTypebox<Services> = async (app, { registry, commands }) => {
  app.post(
    "/devices/:id/commands",
    {
      config: { role: "operator" },
      schema: {
        tags,
        summary:
          "Command a device, and wait for what comes of it; the same id, or Idempotency-Key, is the same command",
        params: shapes.deviceParams,
        headers: shapes.commandHeaders,
        body: shapes.commandBody,
        response: shapes.answers({ 200: shapes.command, 202: shapes.command }),
      },
    },
    async (
      { params: { id: deviceId }, headers, operator, body: { waitMs, id = headers["idempotency-key"], ...body } },
      reply,
    ) => {
      const { id: accepted } = await commands.submit({ ...body, id, deviceId, by: operator, via: "http" });
      const command = await commands.outcome(accepted, waitMs);
      reply.header("location", `/api/v1/commands/${accepted}`);
      return reply.code(isFinished(command) ? 200 : 202).send(commandView(command));
    },
  );

  app.get(
    "/devices/:id/commands",
    {
      schema: {
        tags,
        summary: "The commands to a device, newest first",
        params: shapes.deviceParams,
        querystring: shapes.pageQuery,
        response: shapes.answers({ 200: shapes.page(shapes.command) }),
      },
    },
    async ({ params: { id }, query: { limit, cursor } }) => {
      if (!registry.find(id)) throw new GatewayError("DEVICE_NOT_FOUND", `no device ${id} is enrolled`);
      const all = commands.list(id);
      const after = cursor === undefined ? 0 : all.findIndex((command) => command.id === cursor) + 1;
      if (cursor !== undefined && after === 0)
        throw new GatewayError("REQUEST_INVALID", "the cursor was not given out for this device, or is too old");
      const page = all.slice(after, after + limit);
      return { data: page.map(commandView), next: all.length > after + limit ? page.at(-1)!.id : null };
    },
  );

  app.get(
    "/commands/:id",
    {
      schema: {
        tags,
        summary: "One command, once it is finished or after `waitMs`",
        params: shapes.commandParams,
        querystring: shapes.commandQuery,
        response: shapes.answers({ 200: shapes.command }),
      },
    },
    async ({ params: { id }, query: { waitMs } }) => {
      if (!commands.find(id)) throw new GatewayError("COMMAND_NOT_FOUND", `no command ${id} is remembered`);
      return commandView(await commands.outcome(id, waitMs));
    },
  );
};

function commandView(command: Command) {
  const { id, deviceId, cmd, params, by, via, state, message, code, link, timeoutMs } = command;
  return {
    id,
    deviceId,
    cmd,
    params: { ...params },
    by,
    via,
    state,
    message,
    code: code ?? null,
    link: link ?? null,
    timeoutMs,
    acceptedAt: isoTime(command.acceptedUs),
    expiresAt: isoTime(command.expiresUs),
    sentAt: isoTimeOrNull(command.sentUs),
    finishedAt: isoTimeOrNull(command.finishedUs),
  };
}
