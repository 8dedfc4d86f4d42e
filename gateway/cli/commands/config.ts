/** `mycogate config …`: what is set, where, and what is wrong with it. */
import { Document } from "yaml";
import { loadConfig, readConfig } from "../../config/config.ts";
import { masked } from "../../config/masked.ts";
import { problemLine } from "../../config/problem.ts";
import { settings } from "../../config/settings.ts";
import { type CommandHandler, type CommonOptions, print } from "../context.ts";

/** Lists every problem with its place. */
export const checkConfig: CommandHandler<CommonOptions> = async (context) => {
  const { problems, file } = readConfig(context.sources);
  const lines = problems.map((problem) => `${problemLine(problem)} [${problem.code}]`);
  const text = lines.length > 0 ? lines.join("\n") : `the configuration is valid (${file ?? "no file"})`;
  print(context, { valid: problems.length === 0, file: file ?? null, problems }, text);
  return problems.length === 0 ? 0 : 1;
};

export interface PrintOptions {
  readonly effective?: boolean;
}

/** What is set, and with `--effective` also the defaults, as a file to start from. Secrets are masked. */
export const printConfig: CommandHandler<PrintOptions> = async (context) => {
  const config = loadConfig(context.sources);
  const { source } = readConfig(context.sources);
  const document = new Document({});
  for (const { path, schema } of settings) {
    const where = source(path);
    const keys = path.split(".");
    const value = keys.reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], config);
    if (value === undefined || (where === undefined && !context.options.effective)) continue;
    const node = document.createNode(masked(schema, value));
    if (where !== undefined) node.comment = ` ${where}`;
    document.setIn(keys, node);
  }
  print(context, document.toJS(), document.toString().trimEnd());
  return 0;
};
