/** Who may do what. One token exists so far, with every right; further ones only need another {@link Authenticate}. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { onRequestHookHandler } from "fastify";
import { GatewayError } from "../../src/errors.ts";

/** viewer reads; operator decides about devices and quarantine; release about firmware; admin may do all of it. */
export type Role = "viewer" | "operator" | "release" | "admin";

export interface Operator {
  /** For the ledger, where everyone may read it. */
  readonly name: string;
  readonly role: Role;
}

/** Whom a bearer token speaks for, or undefined where it is nobody's. */
export type Authenticate = (token: string) => Operator | undefined;

/** Told of every use of a token and of every one that is not known. */
export interface SignInWatch {
  accepted(operator: string): void;
  refused(): void;
}

const unwatched: SignInWatch = { accepted: () => {}, refused: () => {} };

export function adminTokenOnly(adminToken: string): Authenticate {
  const expected = digest(adminToken);
  // Digests have one length, so that neither the token's length nor its bytes show in the time this takes.
  return (token) => (timingSafeEqual(digest(token), expected) ? { name: "admin", role: "admin" } : undefined);
}

export function may(role: Role, needed: Role): boolean {
  return role === "admin" || needed === "viewer" || role === needed;
}

/** Refuses requests without a token whose role suffices for the route (`config.role`, viewer unless told). RFC 6750 §2.1 */
export function requireRole(authenticate: Authenticate, watch: SignInWatch = unwatched): onRequestHookHandler {
  return (request, _reply, next) => {
    const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(request.headers.authorization ?? "")?.[1];
    const operator = token === undefined ? undefined : authenticate(token);
    if (operator === undefined) {
      // Who sends no token at all does not try to be somebody.
      if (token !== undefined) watch.refused();
      next(new GatewayError("UNAUTHENTICATED", token ? "this token is not known" : "no bearer token was sent"));
      return;
    }
    watch.accepted(operator.name);
    request.operator = operator.name;
    const needed = request.routeOptions.config.role ?? "viewer";
    if (may(operator.role, needed)) next();
    else next(new GatewayError("FORBIDDEN", `this needs the role ${needed}, the token has ${operator.role}`));
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

declare module "fastify" {
  interface FastifyContextConfig {
    role?: Role;
  }
  interface FastifyRequest {
    /** Who asks, once that is known. */
    operator: string;
  }
}
