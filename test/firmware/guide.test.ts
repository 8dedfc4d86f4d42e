/** The C in the guides, against the library's headers. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../../gateway/project-root.ts";
import { buildFolder, compile, shimRoot, strictFlags } from "../support/firmware.ts";
import { needs } from "../support/needs.ts";

/** What a reader of the guide to keeping envelopes has around it. */
const storeSurroundings = `
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

/** What a firmware author brings along. */
const surroundings = `
#include <stdint.h>
#include <stddef.h>
extern int load_seed(uint8_t seed[32]), is_connected(void);
extern void save_seed(const uint8_t seed[32]), print_hex(const uint8_t *, size_t), fill_random(uint8_t *, size_t);
extern uint32_t now_ms(void);
extern int64_t epoch_ms(void);
extern const uint8_t receipt_key[32];
extern void publish(const char *topic, const uint8_t *, size_t);
extern int uart_send(void *ctx, const uint8_t *, size_t);
static void on_command(const char *json, size_t len);
`;
/** The same, of what is declared by the library's headers. */
const laterSurroundings = `
extern const myco_flash flash;
extern void report(const char *, myco_status);
extern myco_status build(uint32_t seq, const uint8_t id[16], uint8_t *out, size_t cap, size_t *len);
extern const char *obey(const myco_command *, int *succeeded);
`;

const codeIn = (guide: string): string[] =>
  [...readFileSync(`${projectRoot}docs/guides/${guide}`, "utf8").matchAll(/^```c\n(.*?)^```/gms)].map(
    ([, code]) => code!,
  );

needs("gcc", "sodium.h")("the guide from an empty sketch to a verified reading", () => {
  test("its code is one C99 program without a warning", () => {
    const [include, ...rest] = codeIn("firmware.md");
    expect(rest.length).toBeGreaterThan(5);
    const file = join(buildFolder(), "guide.c");
    writeFileSync(file, [surroundings, include, laterSurroundings, ...rest].join("\n"));
    compile("gcc", [...strictFlags, "-Wno-unused", "-Iinclude", "-fsyntax-only", file]);
  });
});

/** A function that the guide leaves to its reader, up to the comment behind it. */
const prototype = /^(static int \w+\(.*?\));/gm;

needs("gcc")("the code compiles of", () => {
  test("the guide to sparse signing", () => {
    const code = codeIn("lora.md").join("\n");
    const file = join(buildFolder(), "sparse.c");
    writeFileSync(
      file,
      `${storeSurroundings}\nvoid task(uint8_t id[16]) { myco_status status;\n${code}(void)status;\n}\n`,
    );
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
    writeFileSync(file, [storeSurroundings, flash, size, globals, ...tasks].join("\n"));
    compile("gcc", ["-std=c99", "-Wall", "-Werror", "-Wno-unused", "-Wno-switch", "-fsyntax-only", file]);
  });
});
