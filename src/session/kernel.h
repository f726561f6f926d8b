/* kernel.h - speaking with one kernel: heads of frames, read as an attacker's, and small exchanges
 * that are no execution (rehearsal, variables, previews, sync). The engine of executions is engine.h.
 *
 * A kernel that breaks a rule gets -EBADMSG here; its caller kills it. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ids.h"
#include "ipc/frame.h"
#include "session/grounds.h"
#include "session/session.h"

enum frame_type {
    FRAME_READY,
    FRAME_BARRIER,
    FRAME_CLEAR_OUTPUT,
    FRAME_DISPLAY_DATA,
    FRAME_EXECUTE_RESULT,
    FRAME_ERROR,
    FRAME_INPUT_REQUEST,
    FRAME_DONE,
    FRAME_REHEARSED,
    FRAME_VARIABLES,
    FRAME_PREVIEW,
    FRAME_SYNC,
    FRAME_TYPES
};

/* A frame's head; json is the holder's (kernel_head_deinit), id points into it or is "". */
struct kernel_head {
    enum frame_type type;
    const char *id;
    json_t *json;
};
/* 0 or -EBADMSG: no JSON object, too deep, too many values, no or unknown type, an id that is no string. */
int kernel_head_parse(const char *text, size_t n, struct kernel_head *ret);
void kernel_head_deinit(struct kernel_head *h);

/* How many values the JSON of one frame may hold: each costs this server some forty bytes, and an array
 * or object three times that, while it is looked at. Arrays and objects count as four. */
enum { JSON_VALUES_MAX = 2 << 20 };
/* Is this one JSON value within our depth, and of no more than `*values`, which is lessened by what it
 * has? Appends it without white space to `out` when that is not NULL. 0, -EBADMSG, -E2BIG: too many
 * values, or -ENOMEM: `out` did not take it. What it accepts is valid UTF-8, one line, and safe to
 * embed. */
int json_check(const char *text, size_t n, size_t *values, struct strbuf *out);

/* A frame that nobody waits for was dropped. 0, or -EBADMSG: such were too many since k->stray_bytes was
 * cleared. */
int kernel_stray(struct kernel *k, const struct frame *f);

/* Writes one frame, waiting for room until the deadline (monotonic). 0, -ETIMEDOUT, -errno. */
int kernel_send(struct kernel *k, const char *head, const struct frame_buffer *buffers, size_t n,
    int64_t deadline_us);

/* What these wait for is read on the sandbox's account (pace.h), and all else that comes is dropped. 0, -ETIMEDOUT,
 * -EPIPE (it died), -EBADMSG. */

/* Waits until it is ready and has rehearsed. */
int kernel_rehearse(struct sandbox *s, int64_t timeout_us);
/* Its variables as JSON array text of {name,type,shape,preview}, the caller's. */
int kernel_variables(struct sandbox *s, int64_t timeout_us, char **ret);
/* How files begin, as a JSON array of {path,text} (a new reference) that is the kernel's word: any
 * shape. -E2BIG: too much is asked for at once; nothing was. A kernel that does not read has all of it
 * or nothing. */
int kernel_previews(
    struct sandbox *s, const struct preview_ask *ask, size_t n, int64_t timeout_us, json_t **ret);
/* Makes a kernel that was busy under an earlier server ours: discards all until it returns a random
 * token. -ETIMEDOUT: replace it. */
int kernel_sync(struct sandbox *s, int64_t timeout_us);
