#include "../include/myco/command.h"

#include "internal.h"
#include "../include/myco/cbor.h"

/** What is left of the message. Its end comes at once where something is not as JSON has it. */
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

/** Take one character of the set, if one comes next. */
static int take(scan *s, const char *set) {
  if (s->at == s->end || !is_in(*s->at, set)) return 0;
  s->at++;
  return 1;
}

static void skip_space(scan *s) {
  while (take(s, " \n\r\t")) {
  }
}

/** Take this character, if it comes next behind white space. */
static int take_sign(scan *s, char sign) {
  skip_space(s);
  if (s->at == s->end || *s->at != sign) return 0;
  s->at++;
  return 1;
}

static void require(scan *s, int holds) {
  if (!holds) s->end = s->at;
}

static void expect(scan *s, const char *set) {
  require(s, take(s, set));
}

static void expect_sign(scan *s, char sign) {
  require(s, take_sign(s, sign));
}

/** The rest of a text, behind its opening quote. */
static void skip_text(scan *s) {
  while (s->at < s->end) {
    const char c = *s->at++;
    unsigned digits = 4;
    if (c == '"') return;
    require(s, (unsigned char)c >= 0x20u);
    if (c != '\\' || take(s, "\"\\/bfnrt")) continue;
    for (expect(s, "u"); digits > 0u; digits--) expect(s, "0123456789abcdefABCDEF");
  }
}

MYCO_STATIC_ASSERT(MYCO_JSON_DEPTH_MAX <= 32u, a_bit_for_each_open_container);

/** Is what stands there this text in its quotes? */
static int is_text(const char *at, size_t len, const char *text) {
  return len >= 2u && *at == '"' && myco_behind(at + 1, at + len - 1, text) == at + len - 1;
}

myco_status myco_json_member(const char *json, size_t len, const char *key, myco_json *value) {
  uint32_t objects = 1; /* A bit for each open container: is it an object? The outermost one is. */
  int is_first = 1;
  int is_wanted = 0;
  const char *start = NULL;
  scan s;
  s.at = json;
  s.end = json + len;
  value->at = NULL;
  value->len = 0;
  expect_sign(&s, '{');
  while (objects != 0u && s.at < s.end) {
    const int is_object = (objects & 1u) != 0u;
    int is_key = 0;
    /* Behind a value, or behind the beginning of a container. */
    if (objects == 1u && is_wanted) {
      value->at = start;
      value->len = (size_t)(s.at - start);
    }
    if (take_sign(&s, is_object ? '}' : ']')) {
      objects >>= 1;
      is_first = 0;
      continue;
    }
    if (!is_first) expect_sign(&s, ',');
    if (is_object) {
      const char *name;
      expect_sign(&s, '"');
      name = s.at - 1;
      skip_text(&s);
      is_key = is_text(name, (size_t)(s.at - name), key);
      expect_sign(&s, ':');
    }
    skip_space(&s);
    if (objects == 1u) {
      start = s.at;
      is_wanted = is_key;
    }
    /* As deep as it may be, nothing opens any more. */
    is_first = objects >> (MYCO_JSON_DEPTH_MAX - 1u) == 0u && take(&s, "{[");
    if (is_first) {
      objects = objects << 1 | (s.at[-1] == '{');
    } else if (take(&s, "\"")) {
      skip_text(&s);
    } else {
      /* Number, true, false or null. */
      static const char word[] = "+-.0123456789Eaeflnrstu";
      const char *const begin = s.at;
      while (take(&s, word)) {
      }
      require(&s, s.at != begin);
    }
  }
  skip_space(&s);
  if (objects != 0u || s.at < s.end) return MYCO_ERR_NOT_WELL_FORMED;
  return value->at == NULL ? MYCO_ERR_NOT_FOUND : MYCO_OK;
}

int myco_json_is(const myco_json *value, const char *text) {
  return is_text(value->at, value->len, text);
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

/** @return what the value begins with, '\0' where there is none */
static char first(const myco_json *value) {
  return value->at == NULL ? '\0' : *value->at;
}

myco_status myco_command_read(const char *json, size_t len, myco_command *out) {
  myco_json expires;
  out->expires_ms = 0;
  if (myco_json_member(json, len, "id", &out->id) == MYCO_ERR_NOT_WELL_FORMED) return MYCO_ERR_NOT_WELL_FORMED;
  /* The rest is well formed, and there or not. */
  (void)myco_json_member(json, len, "cmd", &out->cmd);
  (void)myco_json_member(json, len, "params", &out->params);
  (void)myco_json_member(json, len, "expires", &expires);
  /* In ASCII, texts and numbers begin with less than anything else does. */
  if (first(&out->cmd) != '"' || first(&out->id) >= '[' || out->id.len > MYCO_COMMAND_ID_MAX ||
      (out->params.at != NULL && *out->params.at != '{') ||
      (expires.at != NULL && myco_json_int(&expires, &out->expires_ms) != MYCO_OK)) {
    return MYCO_ERR_SCHEMA;
  }
  return MYCO_OK;
}

/** @return where the command is remembered, or NULL */
static struct myco_command_slot *find(myco_command_log *log, const myco_command *command) {
  struct myco_command_slot *slot;
  unsigned left;
  if (log == NULL || command->id.at == NULL) return NULL;
  slot = log->slot;
  for (left = MYCO_COMMANDS_REMEMBERED; left > 0u; left--, slot++) {
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
    *succeeded = slot->outcome - 1;
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
  struct myco_command_slot *slot = find(log, command);
  const int has_id = command->id.at != NULL;
  const char *at;
  myco_writer w;
  for (at = message; *at != '\0'; at++) {
    if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\') return MYCO_ERR_ARG;
  }
  if (slot != NULL) slot->outcome = succeeded ? 2u : 1u;
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
