/* attack.h - `cloche attack`: what its parts share.
 *
 * attack.c parses flags and runs lanes, attack_list.c reads the folder attacks/ (the format is written down
 * in attacks/README.md), attack_hints.c knows what of this machine an attack is told, attack_run.c runs one
 * and judges how it ended, attack_report.c says what came of all. A client only: it links nothing of a
 * server and needs no right. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "cli/remote.h"

enum { ATTACKS_MAX = 1024, ATTACK_SEEN_MAX = 320 };

enum attack_verdict {
    ATTACK_CONTAINED,
    ATTACK_SUCCEEDED,
    ATTACK_ABSENT, /* not applicable here; `seen` says why */
    ATTACK_BROKEN, /* it could not be tried, or time ran out: counts as not contained */
    ATTACK_OPEN, /* succeeded, and this host is known to lack what would hold it; `seen` says what */
};

struct attack {
    char group[24], name[80], title[160], expect[160], needs[40], open[24], memory[16];
    char *source;
    bool client;  /* a program of the API, run here; else one that runs in a session */
    bool sibling; /* has a victim, in a session of its own */
    bool lays;    /* leaves something in the session first, which is then stirred */
    bool own;     /* in a session of its own, which is looked after afterwards */
    bool in_kernel, bomb;
    unsigned stir;   /* how many uploads, before the kernel dies */
    unsigned time_s; /* of the execution; 0: the default */
    /* what came of it */
    enum attack_verdict verdict;
    char seen[ATTACK_SEEN_MAX];
    double seconds;
};

/* ---- attack_list.c ---------------------------------------------------------------------------------- */

struct attack_list {
    struct attack *item;
    size_t n;
    char *inside, *outside; /* attack.py and client.py */
};
/* Reads the attacks that belong to this program, sorted by group and name. 0 or -errno with `e`. Pair: deinit. */
int attack_list_read(struct attack_list *list, struct error *e);
void attack_list_deinit(struct attack_list *list);
/* The folder they were read from; borrowed. */
extern const char *const attack_groups[];
extern const size_t attack_groups_count;

/* ---- attack_hints.c --------------------------------------------------------------------------------- */

struct attack_hints {
    char *json; /* a JSON object, for HINTS */
    char file[64], socket[64];
    int listener, abstract;
    bool local, pids;
    char secret[2][40]; /* its halves: whole it would be found where it is looked for */
};
/* Before a server is started: a secret for its environment, a file, a port and an abstract socket of this
 * machine. `local`: whoever is attacked is on this machine. */
int attack_hints_init(struct attack_hints *h, bool local, struct error *e);
/* When the server answers and a session lives: its address; `supervisor` is the pid of a server of one's
 * own, or 0. */
int attack_hints_complete(
    struct attack_hints *h, const char *url, pid_t supervisor, struct error *e);
void attack_hints_deinit(struct attack_hints *h);

/* ---- attack_run.c ----------------------------------------------------------------------------------- */

/* One lane: attacks one after another, with a session that they share. */
struct attack_lane {
    struct remote remote;
    const char *url, *key, *other_key; /* keys may be NULL */
    const struct attack_list *list;
    const struct attack_hints *hints;
    char session[80];
    const char *lacks; /* what sessions lack here: words of the field `open`; see attack.c */
};
/* Sets verdict, seen and seconds of `a`. */
void attack_run(struct attack_lane *lane, struct attack *a);
/* Deletes the lane's session; the next attack makes another. */
void attack_lane_end(struct attack_lane *lane);

/* ---- attack_report.c -------------------------------------------------------------------------------- */

/* Whether the attack's name has the word; `only` may be NULL. */
bool attack_wanted(const struct attack *a, const char *only);

struct attack_tally {
    size_t n, contained, absent, open;
};
/* Those of a group (NULL: of all) that are wanted. */
struct attack_tally attack_tally(
    const struct attack_list *list, const char *only, const char *group);
/* Whether it says anything at all: one attack has been tried. */
bool attack_tried(const struct attack_tally *t);
/* How many nothing explains. */
size_t attack_not_contained(const struct attack_tally *t);

/* To standard output. `list_only`: nobody was attacked. */
void attack_report_text(const struct attack_list *list, const char *only, double seconds);
void attack_report_json(
    const struct attack_list *list, const char *only, double seconds, bool list_only);
void attack_report_list(const struct attack_list *list, const char *only);
