#include "../include/myco/command.h"

#include "internal.h"
#include "../include/myco/cbor.h"

/** A place in the message. `at` is NULL once something was not as JSON has it. */
typedef struct scan {
  const char *at;
  const char *end;
} scan;

static int is_in(char c, const char *set) {
  while (*set != '\0') {
    if (*set++ == c) return 1;
  }
  return 0;
}

/** Take one character of the set, if one comes next. @return it, or '\0', which occurs nowhere in JSON */
static char take(scan *s, const char *set) {
  return s->at != NULL && s->at < s->end && is_in(*s->at, set) ? *s->at++ : '\0';
}

static void expect(scan *s, const char *set) {
  if (take(s, set) == '\0') s->at = NULL;
}

static void skip_space(scan *s) {
  while (take(s, " \n\r\t") != '\0') {
  }
}

/** The rest of a text, behind its opening quote. */
static void skip_text(scan *s) {
  unsigned digits = 0;
  while (s->at != NULL) {
    const char c = s->at < s->end ? *s->at++ : '\0';
    if (c == '"') return;
    if ((unsigned char)c < 0x20u) s->at = NULL;
    if (c != '\\') continue;
    digits = take(s, "u") != '\0' ? 4u : 0u;
    if (digits == 0u) expect(s, "\"\\/bfnrt");
    for (; digits > 0u; digits--) expect(s, "0123456789abcdefABCDEF");
  }
}

/** Is what stands there this text in its quotes? */
static int is_text(const char *at, const char *end, const char *text) {
  return *at == '"' && myco_behind(at + 1, end - 1, text) == end - 1;
}

/** Up to the value of a member. @return whether its key is this one */
static int take_key(scan *s, const char *key) {
  const char *start;
  int is_it;
  skip_space(s);
  start = s->at;
  expect(s, "\"");
  skip_text(s);
  is_it = s->at != NULL && is_text(start, s->at, key);
  skip_space(s);
  expect(s, ":");
  return is_it;
}

myco_status myco_json_member(const char *json, size_t len, const char *key, myco_json *value) {
  static const char word[] = "+-.0123456789Eaeflnrstu";
  uint32_t objects = 0; /* A bit for each open container: is it an object? */
  unsigned depth = 0;
  int is_wanted = 0;
  const char *start = NULL;
  scan s;
  s.at = json;
  s.end = json + len;
  value->at = NULL;
  value->len = 0;
  do {
    char open;
    int is_key = 0;
    skip_space(&s);
    if (depth == 1u) start = s.at;
    open = take(&s, depth == 0u ? "{" : "{[\"");
    if (open == '"') {
      skip_text(&s);
    } else if (open == '\0') {
      /* Number, true, false or null. */
      if (depth == 0u || take(&s, word) == '\0') return MYCO_ERR_NOT_WELL_FORMED;
      while (take(&s, word) != '\0') {
      }
    } else {
      if (depth++ == MYCO_JSON_DEPTH_MAX) return MYCO_ERR_NOT_WELL_FORMED;
      objects = objects << 1 | (open == '{');
      skip_space(&s);
      is_key = s.at < s.end && !is_in(*s.at, "}]");
    }
    /* A value is complete, and so may be those around it. */
    while (!is_key && s.at != NULL) {
      if (depth == 1u && is_wanted) {
        is_wanted = 0;
        value->at = start;
        value->len = (size_t)(s.at - start);
      }
      skip_space(&s);
      if (depth == 0u || take(&s, ",") != '\0') break;
      expect(&s, (objects & 1u) != 0u ? "}" : "]");
      objects >>= 1;
      depth--;
    }
    if (depth > 0u && (objects & 1u) != 0u) {
      is_key = take_key(&s, key);
      if (depth == 1u) is_wanted = is_key;
    }
  } while (depth > 0u && s.at != NULL);
  if (s.at != s.end) return MYCO_ERR_NOT_WELL_FORMED;
  return value->at == NULL ? MYCO_ERR_NOT_FOUND : MYCO_OK;
}

int myco_json_is(const myco_json *value, const char *text) {
  return value->len > 0u && is_text(value->at, value->at + value->len, text);
}

myco_status myco_json_int(const myco_json *value, int64_t *out) {
  const char *end;
  uint64_t magnitude;
  int is_negative;
  if (value->len == 0u) return MYCO_ERR_SCHEMA;
  end = value->at + value->len;
  is_negative = *value->at == '-';
  if (myco_read_digits(value->at + is_negative, end, &magnitude) != end) return MYCO_ERR_SCHEMA;
  *out = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
  return MYCO_OK;
}

myco_status myco_command_read(const char *json, size_t len, myco_command *out) {
  myco_json expires;
  out->expires_ms = 0;
  if (myco_json_member(json, len, "id", &out->id) == MYCO_ERR_NOT_WELL_FORMED) return MYCO_ERR_NOT_WELL_FORMED;
  if (myco_json_member(json, len, "cmd", &out->cmd) != MYCO_OK || *out->cmd.at != '"' ||
      (out->id.at != NULL && (is_in(*out->id.at, "{[tfn") || out->id.len > MYCO_COMMAND_ID_MAX)) ||
      (myco_json_member(json, len, "params", &out->params) == MYCO_OK && *out->params.at != '{') ||
      (myco_json_member(json, len, "expires", &expires) == MYCO_OK &&
       myco_json_int(&expires, &out->expires_ms) != MYCO_OK)) {
    return MYCO_ERR_SCHEMA;
  }
  return MYCO_OK;
}

/** @return where the command is remembered, or NULL */
static struct myco_command_slot *find(myco_command_log *log, const myco_command *command) {
  unsigned at;
  for (at = 0; command->id.at != NULL && at < MYCO_COMMANDS_REMEMBERED; at++) {
    struct myco_command_slot *slot = &log->slot[at];
    if (slot->id_len == command->id.len &&
        myco_equal((const uint8_t *)slot->id, (const uint8_t *)command->id.at, slot->id_len)) {
      return slot;
    }
  }
  return NULL;
}

myco_status myco_command_accept(myco_command_log *log, const myco_command *command, int64_t now_ms, int *succeeded) {
  struct myco_command_slot *slot = find(log, command);
  if (slot != NULL) {
    *succeeded = slot->outcome == 0u ? -1 : slot->outcome == 1u;
    return MYCO_ERR_REPEATED;
  }
  if (command->expires_ms != 0 && now_ms > command->expires_ms) return MYCO_ERR_EXPIRED;
  if (command->id.at != NULL) {
    slot = &log->slot[log->next++ % MYCO_COMMANDS_REMEMBERED];
    myco_copy((uint8_t *)slot->id, (const uint8_t *)command->id.at, command->id.len);
    slot->id_len = (uint8_t)command->id.len;
    slot->outcome = 0;
  }
  return MYCO_OK;
}

static void write(myco_writer *w, const char *text) {
  for (; *text != '\0'; text++) myco_write_raw(w, (const uint8_t *)text, 1);
}

myco_status myco_command_answer(myco_command_log *log, const myco_command *command, int succeeded, const char *message,
                                char *out, size_t cap, size_t *written) {
  struct myco_command_slot *slot = log == NULL ? NULL : find(log, command);
  const int has_id = command->id.at != NULL;
  const char *at;
  myco_writer w;
  for (at = message; *at != '\0'; at++) {
    if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\') return MYCO_ERR_ARG;
  }
  if (slot != NULL) slot->outcome = succeeded ? 1u : 2u;
  myco_writer_init(&w, (uint8_t *)out, cap);
  write(&w, has_id ? "{\"id\":" : "{");
  myco_write_raw(&w, (const uint8_t *)command->id.at, command->id.len);
  write(&w, &",\"success\":"[has_id ? 0 : 1]);
  write(&w, succeeded ? "true" : "false");
  write(&w, ",\"message\":\"");
  write(&w, message);
  write(&w, "\"}");
  return myco_writer_finish(&w, written);
}
