/** The page as it was built: its script where nothing of Node is, and all of it in a browser. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createContext, runInContext } from "node:vm";
import { beforeAll, describe, expect, test } from "vitest";
import { projectRoot } from "../../../gateway/project-root.ts";
import { startHttpApi } from "../../support/http-api.ts";
import { entryOf } from "../../support/ledger-entries.ts";
import { needs } from "../../support/needs.ts";
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
      "JSON.stringify(mycogateVerifier.explainProof(Uint8Array.from(file), policy))",
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
  /** The text of the page after a person has given it these. */
  async function shown(proofText: string, policy: string): Promise<string> {
    const dir = mkdtempSync(join(tmpdir(), "mycogate-page-"));
    const person = `<script>
      const files = new DataTransfer();
      files.items.add(new File([${JSON.stringify(proofText)}], "leaf-7.tlog-proof"));
      document.getElementById("policy").value = ${JSON.stringify(policy)};
      document.getElementById("proof-file").files = files.files;
      document.getElementById("proof-file").dispatchEvent(new Event("change"));
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
      const dom = await shown(proof, log.policy);
      expect(dom).toContain('<p id="verdict" class="valid">Valid: the log holds exactly this entry.</p>');
      expect(dom).toContain("<dt>temp</dt><dd>21.7 C</dd>");
    });

    test("an invalid one with its reason, and nothing of what it claims", async () => {
      const dom = await shown(proof.replace(/\n\u2014 [^\n]*\n$/, "\n"), log.policy);
      expect(dom).toContain(
        'class="invalid">This proof is not valid: gw.test/ledger/1 has not signed with its mldsa44 key.',
      );
      expect(dom).not.toContain("21.7");
    });
  });
});
