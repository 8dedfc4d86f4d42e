/**
 * `mycogate` in a process that sends itself a signal once so many entries are kept of its verification, and goes no further.
 * The numbers that its progress bar shows go to stderr, one a line. Arguments: signal or "none", entries, then the command.
 */
import { cli } from "../../dist/gateway/cli/cli.js";
import { processIo } from "../../dist/gateway/cli/io.js";
import { VerifyMark } from "../../dist/gateway/journal/verify-mark.js";

const [signal, entries, ...command] = process.argv.slice(2);
const { write } = VerifyMark.prototype;
VerifyMark.prototype.write = async function (part) {
  await write.call(this, part);
  if (signal === "none" || part.state.leaf < Number(entries)) return;
  process.kill(process.pid, signal);
  await new Promise(() => {});
};
const err = (text) => {
  const shown = /(\d+)\/\d+ entries/.exec(text)?.[1];
  process.stderr.write(shown === undefined ? text : `shown ${shown}\n`);
};
process.exitCode = await cli(command, { ...processIo(), errIsTerminal: true, err });
