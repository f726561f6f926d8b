/* faults.h - fails the n-th call of a kind, for the torture tests.
 *
 * The tests' programs are linked with --wrap for the calls named in meson.build, so that every call
 * that Cloche's code makes goes through here; SQLite's memory and files are reached by its own hooks.
 * Nothing is counted while nothing is armed: a test sets up, arms, runs what is to be tortured, and
 * disarms before it looks. Never linked into a program of the product. */
#pragma once
#include <stdbool.h>

enum fault_kind {
    FAULT_MEMORY = 1,      /* malloc and its like: ENOMEM */
    FAULT_DESCRIPTORS = 2, /* what makes a descriptor: EMFILE */
    FAULT_FILES = 4,       /* what reads, writes and changes files: EIO */
    FAULT_SENDS = 8,       /* sendmsg: ENOBUFS */
    FAULT_RECEIVES = 16,   /* recvmsg: ENOMEM */
    FAULT_ANY = 31,
    FAULT_SQLITE = 32,       /* SQLite's own malloc, of which there are thousands */
    FAULT_SHORT = 64,        /* not an error: the n-th read or write moves one byte only */
    FAULT_ALL_THREADS = 128, /* count in every thread, not only in the one that arms */
};

/* The n-th call (from 1) of these kinds fails, with `number` or, when that is 0, with its kind's
 * own. Once; every other call goes through. */
void fault_arm(unsigned kinds, long n, int number);
/* True when it was hit. Leaves errno alone. */
bool fault_disarm(void);
/* Which call was hit last, for messages. */
const char *fault_name(void);
/* For faults_sqlite.c: counts one call, and says whether it is to fail (errno is set then). */
bool fault_here(unsigned kind, const char *name);

/* How many descriptors this process has. */
int fault_descriptors(void);
/* Before the first use of SQLite in the process: its memory and files count as well. */
void fault_sqlite(void);
