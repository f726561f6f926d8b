/* init_link.h - the socket to one sandbox's init: its killer and file agent.
 *
 * Many threads may call at once and there is no thread for an idle one: whoever waits first reads
 * for all the others. Init is ours; what it relays of a kernel (paths, sizes) is not, and is checked
 * by workspace/. A silent init is told by -ETIMEDOUT and is then to be ended through its warden. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "ipc/message.h"

struct init_link;

/* No user's code can stop init, and when it dies its socket says so at once: what these bound is how long a
 * busy machine may leave it waiting, and, for a kill, how long processes take to give back their memory. */
enum {
    INIT_SIGNAL_US = 10000000,
    INIT_KILL_US = 30000000,
    INIT_FILE_US = 10000000, /* opening, unlinking */
    INIT_SCAN_US = 30000000,
};
/* A server that stops cannot wait so long: no call of this process, also of those under way, waits beyond that
 * moment of the monotonic clock. For good. */
void init_links_end_by(int64_t by_us);
enum { SCAN_BYTES_MAX = 24 << 20 }; /* of scan records: beyond, the walk counts as cut short */

/* Takes `socket`. NULL when out of memory (the socket is closed then). */
struct init_link *init_link_new(int socket);
void init_link_free(struct init_link *l); /* nobody may be calling; NULL is allowed */
/* Every call under way and to come answers -EPIPE. From any thread. */
void init_link_shutdown(struct init_link *l);

/* 0, -ESRCH (no kernel), -EPIPE, -ETIMEDOUT. */
int init_signal(struct init_link *l, int signal);
int init_kill(struct init_link *l);
/* A read-only descriptor of a regular file below the scratch ("data/a.csv"), or -errno. */
int init_open(struct init_link *l, const char *path);
int init_unlink(struct init_link *l, const char *path);

/* A write under way: the child of init reads `from` (borrowed: close it after this) until its end. A
 * stream socket that is reset instead of closed makes the write fail and leaves nothing. */
struct init_write {
    uint32_t serial;
};
int init_write_begin(struct init_link *l, const char *path, unsigned mode, unsigned flags, int from,
    struct init_write *ret);
/* Waits for its answer: 0 and the number of bytes; -errno of the writer; -ETIMEDOUT. */
int init_write_finish(
    struct init_link *l, const struct init_write *w, int64_t timeout_us, uint64_t *ret_bytes);
/* Nobody will ask for that answer. */
void init_write_forget(struct init_link *l, const struct init_write *w);

struct init_scan {
    uint64_t files, memory_bytes, memory_peak_bytes, pids, oom_kills, scratch_bytes;
    bool cut_short, passed_over; /* passed over: too deep, or too long a path */
};
/* Appends packed scan_records to `records` (NULL with INIT_SCAN_USAGE_ONLY). 0 or -errno. */
int init_scan(struct init_link *l, unsigned flags, struct strbuf *records, struct init_scan *ret);
