/** The HTTP API: fastify, our validation and errors around the routes, limits on everything a client can make long. */
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { type FastifyBaseLogger, fastify, LogController } from "fastify";
import type { Logger } from "pino";
import { errorCatalog, GatewayError } from "../../src/errors.ts";
import type { Config } from "../config/schema.ts";
import { type Authenticate, requireRole, type SignInWatch } from "./auth.ts";
import { refuseConnection } from "./client-error.ts";
import { gatewayError, sendProblem } from "./problem.ts";
import { commandRoutes } from "./routes/commands.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { disagreementRoutes } from "./routes/disagreement.ts";
import { entryRoutes } from "./routes/entries.ts";
import { eventRoutes } from "./routes/events.ts";
import { gapRoutes } from "./routes/gaps.ts";
import { openRoutes } from "./routes/open.ts";
import { proofRoutes } from "./routes/proofs.ts";
import { quarantineRoutes } from "./routes/quarantine.ts";
import { readingRoutes } from "./routes/readings.ts";
import { scrubRoutes } from "./routes/scrub.ts";
import { statsRoutes } from "./routes/stats.ts";
import { tileRoutes } from "./routes/tiles.ts";
import { trackRoutes } from "./routes/tracks.ts";
import { verifyPageRoutes } from "./routes/verify-page.ts";
import { witnessRoutes } from "./routes/witness.ts";
import type { Services } from "./services.ts";
import { validatorCompiler } from "./validation.ts";

export interface HttpServerOptions {
  readonly services: Services;
  readonly config: Config["http"];
  readonly authenticate: Authenticate;
  readonly signIns?: SignInWatch;
  readonly log: Logger;
}

export interface HttpServer {
  /** @returns where it listens, as a URL without a final slash. @throws GatewayError LISTEN_FAILED */
  listen(): Promise<string>;
  /** Answers what is under way, then closes. */
  close(): Promise<void>;
}

/** The page's own files only; without `upgrade-insecure-requests`, which would break it on a gateway reached over plain HTTP. */
const docsPolicy = "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'";
const maxHeaderBytes = 16_384;
const maxPathParameterLength = 128;

export async function createHttpServer({
  services,
  config,
  authenticate,
  signIns,
  log,
}: HttpServerOptions): Promise<HttpServer> {
  const headersTimeout = Math.ceil(config.requestTimeoutMs / 3);
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.maxBodyBytes,
    requestTimeout: config.requestTimeoutMs,
    keepAliveTimeout: config.requestTimeoutMs,
    routerOptions: { maxParamLength: maxPathParameterLength },
    // Node looks for late requests only every 30 s unless told.
    http: { maxHeaderSize: maxHeaderBytes, headersTimeout, connectionsCheckingInterval: Math.ceil(headersTimeout / 2) },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _request, reply) => sendProblem(reply, gatewayError(error)),
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = config.maxConnections;

  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(validatorCompiler);
  // What we build is sent as it is: response schemas describe, they do not filter or convert.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new GatewayError("NOT_FOUND", `there is no ${request.method} ${request.url.slice(0, 200)}`)),
  );
  app.setErrorHandler((thrown, request, reply) => {
    const error = gatewayError(thrown);
    if (errorCatalog[error.code].http >= 500)
      log.error({ err: thrown, method: request.method, route: request.routeOptions.url }, "request failed");
    return sendProblem(reply, error);
  });
  app.addHook("onSend", async (_request, reply) => {
    reply.header("x-content-type-options", "nosniff");
    reply.header("referrer-policy", "no-referrer");
    reply.header("x-frame-options", "DENY");
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
    if (!reply.hasHeader("content-security-policy")) reply.header("content-security-policy", "default-src 'none'");
  });

  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Mycogate",
        version: services.version,
        description: "Signed telemetry in a ledger anyone can check.",
      },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    },
  });
  await app.register(swaggerUi, { routePrefix: "/api/docs", staticCSP: docsPolicy });
  for (const routes of [openRoutes, tileRoutes, verifyPageRoutes, witnessRoutes]) await app.register(routes, services);
  await app.register(
    async (api) => {
      api.decorateRequest("operator", "");
      api.addHook("onRequest", requireRole(authenticate, signIns));
      api.addHook("onRoute", ({ schema }) => {
        if (schema) schema.security = [{ bearer: [] }];
      });
      for (const routes of [
        deviceRoutes,
        commandRoutes,
        trackRoutes,
        gapRoutes,
        disagreementRoutes,
        readingRoutes,
        entryRoutes,
        eventRoutes,
        proofRoutes,
        quarantineRoutes,
        scrubRoutes,
        statsRoutes,
      ]) {
        await api.register(routes, services);
      }
    },
    { prefix: "/api/v1" },
  );

  return {
    async listen() {
      const { host, port } = config;
      try {
        return await app.listen({ host, port });
      } catch (cause) {
        throw new GatewayError("LISTEN_FAILED", `HTTP cannot listen on ${host}:${port}`, {
          cause,
          details: { host, port },
        });
      }
    },
    close: () => app.close(),
  };
}
