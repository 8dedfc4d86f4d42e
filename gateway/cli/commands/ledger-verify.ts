/** `mycogate ledger verify-proof | verify-export`: what someone has of a log, checked without gateway, network or data directory. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import sodium from "sodium-native";
import { explainDirectory } from "../../../src/ledger/explain-directory.ts";
import { explainProof } from "../../../src/ledger/explain-proof.ts";
import type { Explanation } from "../../../src/ledger/explanation.ts";
import type { LogDirectory } from "../../../src/ledger/verify-directory.ts";
import { asBuffer } from "../../as-buffer.ts";
import {
  type BaseContext,
  type CommandContext,
  type CommandHandler,
  type ExitCode,
  print,
  UsageError,
} from "../context.ts";
import { ProgressBar } from "../progress-bar.ts";

export interface PolicyOptions {
  readonly policy?: string;
}

export const verifyProofFile: CommandHandler<PolicyOptions> = async (context) => {
  const policy = await policyText(context);
  const files = await Promise.all(context.args.map((file) => read(context, file)));
  return show(context, explainProof(files, policy));
};

export const verifyExport: CommandHandler<PolicyOptions> = async (context) => {
  const policy = await policyText(context);
  const directory = await filesIn(context, context.args[0]!);
  const progress = new ProgressBar(context.io, "entries");
  const explanation = await explainDirectory(directory, policy, {
    onProgress: (done, of) => progress.show(done, of),
    verifyEd25519: (signature, message, publicKey) =>
      signature.length === sodium.crypto_sign_BYTES &&
      sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), asBuffer(publicKey)),
  });
  progress.clear();
  return show(context, explanation);
};

function show(context: CommandContext<PolicyOptions>, explanation: Explanation): ExitCode {
  const facts = explanation.facts.map(([name, value]) => `  ${name.padEnd(13)} ${printable(value)}`);
  print(context, explanation, [printable(explanation.verdict), ...facts].join("\n"));
  return explanation.valid ? 0 : 1;
}

async function policyText(context: CommandContext<PolicyOptions>): Promise<string> {
  const { policy } = context.options;
  if (policy === undefined) throw new UsageError("say whom you trust: --policy <file>");
  return (await read(context, policy)).toString("utf8");
}

async function filesIn({ io }: BaseContext, name: string): Promise<LogDirectory> {
  const root = resolve(io.cwd, name);
  const found = await readdir(root, { recursive: true, withFileTypes: true }).catch((error) => unreadable(name, error));
  const files = found.filter((file) => file.isFile()).map((file) => relative(root, join(file.parentPath, file.name)));
  return {
    paths: files.map((path) => path.split(sep).join("/")).sort(),
    read: (path) => readFile(join(root, path)),
  };
}

function read({ io }: BaseContext, file: string): Promise<Buffer> {
  return readFile(resolve(io.cwd, file)).catch((error) => unreadable(file, error));
}

function unreadable(name: string, error: unknown): never {
  throw new UsageError(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
}

/** What a device wrote must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "\ufffd");
}
