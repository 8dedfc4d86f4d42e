/** The page as it was built: its script where nothing of Node is, and all of it in a browser. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createContext, runInContext } from "node:vm";
import { beforeAll, describe, expect, test } from "vitest";
import { projectRoot } from "../../../gateway/project-root.ts";
import { type ExportedLog, exportOf, ledgerOfReadings, policyText } from "../../support/exported-log.ts";
import { startHttpApi } from "../../support/http-api.ts";
import { entryOf } from "../../support/ledger-entries.ts";
import { needs } from "../../support/needs.ts";
import { ReceiptLog } from "../../support/receipts.ts";
import { SignedLog } from "../../support/signed-log.ts";

const page = readFileSync(join(projectRoot, "dist", "verify.html"), "utf8");
const log = new SignedLog(Array.from({ length: 20 }, (_, index) => entryOf("myco-1", index + 1)));
let proof: string;
beforeAll(async () => {
  proof = await log.proof(7);
});

test("the page is one file that loads nothing", () => {
  expect(page).not.toMatch(/\b(src|href)=/);
  expect(page).not.toMatch(/\b(fetch|XMLHttpRequest|WebSocket|import)\s*\(/);
  expect(page).toContain(`content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"`);
});

test("is served with a policy that lets exactly its own script and style in", async () => {
  const api = await startHttpApi();
  try {
    const response = await fetch(`${api.url}/verify`);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'sha256-[A-Za-z0-9+/=]{44}'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'/,
    );
    expect(await response.text()).toBe(page);
  } finally {
    await api.close();
  }
});

test("the bundled verifier needs nothing but what browsers and the language have", () => {
  const element = { addEventListener: () => {}, value: "" };
  const context = createContext({
    TextEncoder,
    TextDecoder,
    atob,
    btoa,
    document: { getElementById: () => element },
  });
  const [, script = ""] = /<script>([\s\S]*)<\/script>/.exec(page) ?? [];
  runInContext(script, context);
  const explain = (file: string) => {
    Object.assign(context, { file: [...Buffer.from(file)], policy: log.policy });
    return runInContext(
      "JSON.stringify(mycogateVerifier.explainProof([Uint8Array.from(file)], policy))",
      context,
    ) as string;
  };
  expect(JSON.parse(explain(proof))).toMatchObject({
    valid: true,
    verdict: "Valid: the log holds exactly this entry.",
  });
  expect(JSON.parse(explain(proof.replace("index 7", "index 8")))).toMatchObject({ reject: "INCLUSION_INVALID" });
});

needs("chromium")("in a browser", () => {
  const proofChosen = (text: string) => `
    const files = new DataTransfer();
    files.items.add(new File([${JSON.stringify(text)}], "leaf-7.tlog-proof"));
    document.getElementById("proof-file").files = files.files;
    document.getElementById("proof-file").dispatchEvent(new Event("change"));`;

  const receiptsChosen = (files: readonly Uint8Array[]) => `
    const chosen = new DataTransfer();
    for (const text of ${JSON.stringify(files.map((bytes) => Buffer.from(bytes).toString("base64")))})
      chosen.items.add(new File([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))], "x"));
    document.getElementById("proof-file").files = chosen.files;
    document.getElementById("proof-file").dispatchEvent(new Event("change"));`;

  /** The files of a log, as the script of a person has them. */
  const filesOf = (log: ExportedLog) => `
    const files = ${JSON.stringify([...log.files].map(([path, bytes]) => [path, bytes.toString("base64")]))}
      .map(([path, text]) => [path, Uint8Array.from(atob(text), (char) => char.charCodeAt(0))]);`;

  const logChosen = (log: ExportedLog) => `${filesOf(log)}
    const chosen = new DataTransfer();
    for (const [path, bytes] of files) chosen.items.add(new File([bytes], path.split("/").at(-1)));
    const input = document.getElementById("log-directory");
    input.files = chosen.files;
    files.forEach(([path], index) =>
      Object.defineProperty(input.files[index], "webkitRelativePath", { value: "public-log/" + path }));
    input.dispatchEvent(new Event("change"));`;

  const logDropped = (log: ExportedLog) => `${filesOf(log)}
    const entries = files.map(([path, bytes]) =>
      ({ isFile: true, fullPath: "/public-log/" + path, file: (done) => done(new File([bytes], "x")) }));
    // In portions, as browsers give them.
    const createReader = () => ({ readEntries: (done) => done(entries.splice(0, 2)) });
    const item = { webkitGetAsEntry: () => ({ isDirectory: true, createReader }) };
    const drop = Object.assign(new Event("drop"), { dataTransfer: { items: [item], files: [] } });
    document.getElementById("proof-field").dispatchEvent(drop);`;

  /** The text of the page after a person has given it a policy, and then done this. */
  async function shown(action: string, policy: string): Promise<string> {
    const dir = mkdtempSync(join(tmpdir(), "mycogate-page-"));
    const person = `<script>
      document.getElementById("policy").value = ${JSON.stringify(policy)};
      ${action}
    </script>`;
    try {
      writeFileSync(
        join(dir, "verify.html"),
        page.replace("</body>", () => `${person}</body>`),
      );
      const flags = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${dir}/profile`];
      const argv = [...flags, "--virtual-time-budget=10000", "--dump-dom", `file://${dir}/verify.html`];
      const { stdout } = await promisify(execFile)("chromium", argv, { timeout: 50_000, maxBuffer: 2 ** 24 });
      return stdout;
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  describe("a person sees", () => {
    test("a valid proof with its reading", async () => {
      const dom = await shown(proofChosen(proof), log.policy);
      expect(dom).toContain('<p id="verdict" class="valid">Valid: the log holds exactly this entry.</p>');
      expect(dom).toContain("<dt>temp</dt><dd>21.7 C</dd>");
    });

    test("an invalid one with its reason, and nothing of what it claims", async () => {
      const dom = await shown(proofChosen(proof.replace(/\n\u2014 [^\n]*\n$/, "\n")), log.policy);
      expect(dom).toContain(
        'class="invalid">This proof is not valid: gw.test/ledger/1 has not signed with its mldsa44 key.',
      );
      expect(dom).not.toContain("21.7");
    });

    test("COSE receipts that are valid with their entry, when all are chosen together", async () => {
      const receipts = new ReceiptLog(log.entries);
      const files = [receipts.inclusion("ed25519", 7), receipts.inclusion("mldsa44", 7), log.entries[7]!];
      const dom = await shown(receiptsChosen(files), receipts.policy);
      expect(dom).toContain('class="valid">Valid: the log holds exactly this entry.</p>');
      expect(dom).toContain("<dt>signatures</dt><dd>one in each receipt, over the same root</dd>");
    });

    test("an exported log that is valid, when its folder is dropped", async () => {
      const dom = await shown(logDropped(await exportOf(await ledgerOfReadings(30))), policyText);
      expect(dom).toContain('class="valid">Valid: every entry is the one that was signed, in its place.');
      expect(dom).toContain("<dt>log</dt><dd>gw.test/ledger/1</dd>");
    });

    test("where a log is not what was signed, when its folder is chosen", async () => {
      const log = await exportOf(await ledgerOfReadings(30));
      const path = log.paths.find((name) => name.startsWith("tile/entries/"))!;
      const bytes = Buffer.from(log.bytes(path));
      bytes[8]! ^= 1;
      const dom = await shown(logChosen(log.with(path, bytes)), policyText);
      expect(dom).toContain('class="invalid">This log is not valid: this entry is not the one that was signed.');
      expect(dom).toContain(`<dt>file</dt><dd>${path}</dd><dt>leaf</dt><dd>0</dd>`);
    });
  });
});
