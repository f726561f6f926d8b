/* probe.h - what the kernel and this host offer, found out by trying: one table of facts.
 *
 * Each row says what Cloche uses a fact for and what is lost without it; its function tries it in a
 * child, with a deadline, and leaves nothing behind. `cloche doctor` prints the table and
 * tests/kernel-facts runs every row as a test, so both say the same. Never linked into supervisor,
 * warden, init or kernel: they do what they do and report what fails. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { PROBE_ABSENT = 1 }; /* there is no such thing here, and no need: nothing is lost by it */

struct probe_result {
    int status; /* 0: it holds; PROBE_ABSENT; -errno: it is missing or refused; -EPROTO: it is there
                       * and does not do what Cloche builds on */
    char detail[200]; /* a version, a number, or what was refused; may be "" */
};

enum probe_need {
    PROBE_OPTIONAL, /* without it something is lost, and `lost` says what */
    PROBE_REQUIRED, /* Cloche does not work without it */
    PROBE_FOR_ROOT, /* required of root, who has more to set up; of no use to an ordinary user */
};

struct probe {
    const char *name, *use, *lost;
    const char *how; /* to get it; NULL: by a newer kernel outside of any container */
    enum probe_need need;
    void (*run)(struct probe_result *r); /* not to be called directly: see probe_run */
};

/* The table, and its length. */
const struct probe *probe_table(size_t *ret_n);
/* The row of that name, which must be one of the table's. */
const struct probe *probe_named(const char *name);
/* True if Cloche, as this user, does not work without it. */
bool probe_required(const struct probe *p);
/* Runs one. Blocks, for 10 s at the most: then it is -ETIMEDOUT. Not for programs with threads. */
void probe_run(const struct probe *p, struct probe_result *ret);
