/** The C in the guides, against the library's headers. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildFolder, compile, shimRoot } from "../support/firmware.ts";
import { buildGuide, codeIn } from "../support/firmware-guide.ts";
import { needs } from "../support/needs.ts";

/** What a reader of the guides to keeping envelopes and to sparse signing has around the code. */
const surroundings = `
#include "${shimRoot}include/myco/myco.h"
extern const myco_crypto crypto;
extern const uint8_t receipt_key[32], log_key[32], msg_id[16];
extern const char *const device_id, *note, *json;
extern uint8_t bytes[400], body[400];
extern size_t len, body_len, note_len, json_len;
extern char out[200];
extern int64_t epoch_ms;
extern myco_envelope envelope;
extern myco_receipt receipt;
extern myco_checkpoint seen;
extern myco_command_log commands;
extern void send(const uint8_t *, size_t);
`;

needs("gcc", "sodium.h")("the guide from an empty sketch to a verified reading", () => {
  test("its code is one C99 program without a warning", () => {
    expect(codeIn("firmware.md").length).toBeGreaterThan(5);
    buildGuide(buildFolder(), new Uint8Array(32));
  });
});

/** A function that the guide leaves to its reader, up to the comment behind it. */
const prototype = /^(static int \w+\(.*?\));/gm;

needs("gcc")("the code compiles of", () => {
  test("the guide to sparse signing", () => {
    const code = codeIn("lora.md").join("\n");
    const file = join(buildFolder(), "sparse.c");
    writeFileSync(file, `${surroundings}\nvoid task(uint8_t id[16]) { myco_status status;\n${code}(void)status;\n}\n`);
    compile("gcc", ["-std=c99", "-Wall", "-Werror", "-Wno-unused", "-fsyntax-only", file]);
  });

  test("the guide to keeping envelopes on a device", () => {
    const blocks = codeIn("firmware-store.md").map((code) =>
      code.replace("…", ";").replaceAll(prototype, "$1 { return 0; }"),
    );
    // The first two declare; the others are what a task does.
    const [flash, size, ...rest] = blocks;
    const tasks = rest.map((code, at) => `void task_${at}(void) { int succeeded = 0; myco_status status;\n${code}}\n`);
    const file = join(buildFolder(), "guide.c");
    const globals = "static myco_store store;\n";
    writeFileSync(file, [surroundings, flash, size, globals, ...tasks].join("\n"));
    compile("gcc", ["-std=c99", "-Wall", "-Werror", "-Wno-unused", "-Wno-switch", "-fsyntax-only", file]);
  });
});
