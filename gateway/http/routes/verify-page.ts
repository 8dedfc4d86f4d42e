import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { GatewayError } from "../../../src/errors.ts";
import { projectRoot } from "../../project-root.ts";
import type { Services } from "../services.ts";

/** Made by scripts/verify-page.mjs; one file, to be kept and opened without a gateway too. */
const pageFile = join(projectRoot, "dist", "verify.html");

/** The verifier as a page. It needs no gateway and asks none: its policy forbids it every connection. */
export const verifyPageRoutes: FastifyPluginAsyncTypebox<Services> = async (app) => {
  const page = await readFile(pageFile, "utf8").catch(() => undefined);
  const policy = page === undefined ? "" : contentPolicy(page);
  app.get("/verify", { schema: { hide: true } }, async (_request, reply) => {
    if (page === undefined) throw new GatewayError("NOT_FOUND", "this build has no verifier page: npm run build");
    return reply
      .header("content-type", "text/html; charset=utf-8")
      .header("content-security-policy", policy)
      .header("cache-control", "no-cache")
      .send(page);
  });
};

/** Exactly the script and the style that the page came with. */
function contentPolicy(page: string): string {
  const digest = (element: string) => {
    const [, text = ""] = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(page) ?? [];
    return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  };
  return `default-src 'none'; script-src ${digest("script")}; style-src ${digest("style")}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}
