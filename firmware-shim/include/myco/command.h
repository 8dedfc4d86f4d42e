/**
 * Commands from the gateway: `{"id":…,"cmd":"…","params":{…},"expires":…}` on `{p}/{id}/cmd`, or as body of an MDP COMMAND
 * frame, whose `seq` names it in the answer; a gateway that has read no envelope yet leaves the id out. Each is read, run at
 * most once, and answered.
 */
#ifndef MYCO_COMMAND_H
#define MYCO_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Objects and arrays inside one another, the outermost included. */
#define MYCO_JSON_DEPTH_MAX 32u
/** Commands remembered to recognise a repeated one. */
#define MYCO_COMMANDS_REMEMBERED 8u
/** Longest id, the quotes of a text included: a UUID fits. */
#define MYCO_COMMAND_ID_MAX 40u

/** A JSON value as it stands in the message, text with its quotes. `at` is NULL for one that is not there. */
typedef struct myco_json {
  const char *at;
  size_t len;
} myco_json;

/**
 * A member of a JSON object (RFC 8259), the last one where a key comes twice, as JavaScript has it. The structure of the
 * whole object is checked; of a number, true, false and null only the characters are. Texts are compared as they stand: an
 * escape sequence equals nothing but itself.
 * @param key terminated
 * @return MYCO_OK; MYCO_ERR_NOT_FOUND; MYCO_ERR_NOT_WELL_FORMED if this is no object, or nested too deeply
 */
myco_status myco_json_member(const char *json, size_t len, const char *key, myco_json *value);
/** Is the value this text? @param text terminated */
int myco_json_is(const myco_json *value, const char *text);
/** An integer of at most 18 digits. @return MYCO_OK, or MYCO_ERR_SCHEMA for anything else */
myco_status myco_json_int(const myco_json *value, int64_t *out);

/** Views into the message. */
typedef struct myco_command {
  myco_json id;       /* Text or number; over MDP it may be absent. */
  myco_json cmd;      /* Text: compare with myco_json_is. */
  myco_json params;   /* An object, or not there: look into it with myco_json_member. */
  int64_t expires_ms; /* Since 1970, 0 for never. */
} myco_command;

/** @return MYCO_ERR_NOT_WELL_FORMED; MYCO_ERR_SCHEMA for a member of another type, no `cmd`, or too long an id */
myco_status myco_command_read(const char *json, size_t len, myco_command *out);

/**
 * The latest commands and what became of them. All zero at first; holds no pointer, so that it may live in memory that a
 * reset leaves alone, which is what keeps a repeated `reboot` from being obeyed twice.
 */
typedef struct myco_command_log {
  uint8_t next; /* The small ones come first: there an instruction reaches them. */
  struct myco_command_slot {
    uint8_t id_len;
    uint8_t outcome; /* 0 not answered yet, 1 failed, 2 done */
    char id[MYCO_COMMAND_ID_MAX];
  } slot[MYCO_COMMANDS_REMEMBERED];
} myco_command_log;

/**
 * Is this command to be run? One with an id is from now on remembered, and run once whichever ways it comes by; without
 * an id every command is new.
 * @param now_ms since 1970; 0 without a clock, and then nothing is too late
 * @param succeeded for MYCO_ERR_REPEATED: 1 if it was done, 0 if it failed, -1 if it has not been answered
 * @return MYCO_OK: run it, then answer; MYCO_ERR_REPEATED: answer as before, if it was answered; MYCO_ERR_EXPIRED: answer
 *         that it was not done
 */
myco_status myco_command_accept(myco_command_log *log, const myco_command *command, int64_t now_ms, int *succeeded);

/**
 * The answer, for `{p}/{id}/cmd/result` or the body of an ACK frame (IS_NACK if it failed, `ack` the command's seq):
 * `{"id":…,"success":…,"message":"…"}`, with the id as it came. What became of the command is remembered.
 * @param log may be NULL
 * @param message terminated printable ASCII without quotes and backslashes, such as `unknown_command`
 * @param out NULL (with cap 0) only measures
 * @return MYCO_OK, MYCO_ERR_NO_SPACE, or MYCO_ERR_ARG for another message
 */
myco_status myco_command_answer(myco_command_log *log, const myco_command *command, int succeeded, const char *message,
                                char *out, size_t cap, size_t *written);

#ifdef __cplusplus
}
#endif

#endif /* MYCO_COMMAND_H */
