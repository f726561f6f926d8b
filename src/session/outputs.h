/* outputs.h - collects what an execution shows, in order and within bounds.
 *
 * Everything that comes in is an attacker's. Text of one stream that follows on itself is one output;
 * of each stream the first and the last bytes are kept (64 KiB each), and the whole goes, from the moment
 * something must be left out, through a pipe to whoever keeps it (the session's own disk). Displays
 * are checked against their MIME types. Used by the engine; knows nothing of sessions. */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "ipc/frame.h"
#include "session/session.h"
#include "base/utf8.h"

enum {
    OUTPUTS_MAX = 1000,
    OUTPUTS_DISPLAY_BYTES_MAX = 32 << 20,
    NOTES_MAX = 50,
};

/* How much text of each stream is kept: of its beginning, of its end, and of the whole in a file, which
 * is also how much is streamed. */
struct output_limits {
    uint64_t head_bytes, tail_bytes, whole_bytes;
};

struct output_node;

struct output_stream {
    uint64_t total_bytes, kept_from; /* raw */
    size_t head_bytes, tail_bytes;   /* mended text kept */
    uint64_t dropped_bytes;
    uint64_t streamed_bytes;
    bool in_tail;
    long last_node, first_tail; /* indexes or -1 */
    struct utf8_mender mender;
    struct strbuf raw; /* all that came, until the whole is written elsewhere */
    int whole_fd;      /* the pipe to the file; -1: not open */
    bool whole_tried, whole_failed;
    uint64_t whole_bytes;
};

struct outputs {
    const struct execution *execution;
    const struct execution_callbacks *callbacks;
    struct output_limits limits;
    /* Opens a non-blocking pipe into the file that keeps a stream whole, or -1. May be NULL. */
    int (*open_whole)(void *context, enum output_kind stream);
    void *context;
    struct output_node *node;
    size_t nodes, capacity;
    size_t display_bytes, error_bytes; /* as they are kept: mended, with their metadata */
    unsigned displays_left_out;
    bool no_memory, clears; /* clears: with the next output */
    struct output_stream stream[2];
    struct strbuf mended;
    char **note;
    size_t notes;
};

/* `execution` and `callbacks` are borrowed; the former is what callbacks are shown. */
void outputs_init(struct outputs *o, const struct execution *execution,
    const struct execution_callbacks *callbacks, const struct output_limits *limits,
    int (*open_whole)(void *context, enum output_kind stream), void *context);
void outputs_deinit(struct outputs *o);
/* Bytes that came from a stream. */
void outputs_text(struct outputs *o, enum output_kind stream, const char *data, size_t n);
/* A display_data or execute_result frame, or an error frame. 0, or -EBADMSG: the frame breaks a rule. */
int outputs_display(
    struct outputs *o, enum output_kind kind, const json_t *head, const struct frame *f);
int outputs_error(struct outputs *o, const json_t *head);
/* A clear_output frame: what was shown so far is forgotten, at once or (`wait`) when something else is
 * shown. What went elsewhere stays there: the stream to the client, the file of a stream kept whole.
 * 0, or -EBADMSG. */
int outputs_clear(struct outputs *o, const json_t *head);
/* An error that is ours to tell (a kernel that died says nothing). */
void outputs_error_text(struct outputs *o, const char *name, const char *value);
/* A sentence for people and models. */
void outputs_note(struct outputs *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Nothing more will come: ends what is written elsewhere (closes its pipe; stream[i].whole_fd is -1
 * then) and remembers what was dropped. */
void outputs_close(struct outputs *o);
/* Moves everything into `e`: outputs, result, error, truncations (without file ids), notes. `where`
 * names the directory that holds the whole, for the marker; NULL: it could not be kept. After it
 * only outputs_deinit is allowed. 0 or -ENOMEM. */
int outputs_finish(struct outputs *o, struct execution *e, const char *const where[2]);
/* The kind of the i-th of `nodes`. */
enum output_kind outputs_kind(const struct outputs *o, size_t i);
