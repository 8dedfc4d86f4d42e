/** `node scripts/verify-page.mjs <dist>`: the verifier and its page as one file, `<dist>/verify.html`, that loads nothing. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const bundle = await rolldown({
  input: join(root, "src", "ledger", "verifier.ts"),
  platform: "browser",
  // What would have to come from elsewhere is a mistake: the page has nowhere to load it from.
  onLog(level, log) {
    if (level !== "debug") throw new Error(log.message);
  },
});
const { output } = await bundle.generate({ format: "iife", name: "mycogateVerifier", minify: true });
await bundle.close();

// In a script element the text "</script" would end it.
const code = output[0].code.replaceAll("</script", "<\\/script");
const page = readFileSync(join(root, "gateway", "http", "verify-page", "page.html"), "utf8");
writeFileSync(
  join(process.argv[2], "verify.html"),
  page.replace("/* verifier */", () => code),
);
