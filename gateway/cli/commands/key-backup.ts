/** `mycogate key backup | restore`: the private keys as one file, to be kept where the gateway is not. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { GatewayError } from "../../../src/errors.ts";
import { loadConfig } from "../../config/config.ts";
import { findIdentity } from "../../config/identity.ts";
import { checkpointPath, readCheckpointFile } from "../../journal/checkpoint-file.ts";
import { diskFiles } from "../../journal/disk-files.ts";
import { collectKeys, openBackup, restoreBackup, sealBackup, writeBackup } from "../../journal/key-backup.ts";
import { type BaseContext, type CommandHandler, print, UsageError } from "../context.ts";

export interface BackupOptions {
  readonly passphraseFile?: string;
  readonly plain?: boolean;
}

/** Shorter ones are found by trying. */
const minPassphrase = 12;

export const backupKeys: CommandHandler<BackupOptions> = async (context) => {
  const { passphraseFile, plain = false } = context.options;
  if (plain === (passphraseFile !== undefined))
    throw new UsageError("say how: --passphrase-file <file> to encrypt it, or --plain where it is kept safe otherwise");
  const config = loadConfig(context.sources);
  const identity = findIdentity(config);
  if (identity === undefined)
    throw new GatewayError("DATA_DIR_UNUSABLE", `no gateway was ever started with the data directory ${config.data}`);
  const passphrase = await passphraseIn(context);
  const keys = await collectKeys(join(config.data, "keys"));
  const checkpoint = await readCheckpointFile(diskFiles, checkpointPath(join(config.data, identity.ledgerDir)));
  const file = resolve(context.io.cwd, context.args[0]!);
  await writeBackup(file, sealBackup({ identity, keys, checkpoint }, passphrase));
  const names = Object.keys(keys);
  const warning = plain
    ? "It is NOT encrypted: whoever reads it can sign as this gateway. Keep it where nobody else comes."
    : "It is encrypted: without the passphrase nobody can use it, you included. Keep that somewhere else.";
  print(
    context,
    { file, keys: names, encrypted: !plain },
    `wrote ${names.length} keys of ${identity.ledgerOrigin} to ${file}\n${warning}`,
  );
  return 0;
};

export const restoreKeys: CommandHandler<BackupOptions> = async (context) => {
  const file = resolve(context.io.cwd, context.args[0]!);
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new UsageError(`${file} cannot be read: ${error.message}`);
  });
  const backup = openBackup(text, await passphraseIn(context));
  const config = loadConfig(context.sources);
  const names = await restoreBackup(backup, config.data);
  const { ledgerOrigin } = backup.identity;
  print(
    context,
    { keys: names, origin: ledgerOrigin },
    `restored ${names.length} keys of ${ledgerOrigin} into ${config.data}`,
  );
  return 0;
};

async function passphraseIn({ io, options }: BaseContext & { options: BackupOptions }): Promise<string | undefined> {
  const { passphraseFile } = options;
  if (passphraseFile === undefined) return undefined;
  const text =
    passphraseFile === "-"
      ? await io.readStdin()
      : await readFile(resolve(io.cwd, passphraseFile), "utf8").catch((error: Error) => {
          throw new UsageError(`${passphraseFile} cannot be read: ${error.message}`);
        });
  const passphrase = text.replace(/\r?\n$/, "");
  if (passphrase.length < minPassphrase) throw new UsageError(`a passphrase has ${minPassphrase} characters or more`);
  return passphrase;
}
