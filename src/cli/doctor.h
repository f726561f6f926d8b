/* doctor.h - what the parts of `cloche doctor` share: a finding, and who fills one. */
#pragma once
#include <stdbool.h>

/* UNTRIED: nobody can tell before what is FATAL elsewhere is there. */
enum verdict { FINE, ABSENT, LOSS, FATAL, UNTRIED };

struct finding {
    enum verdict verdict;
    char text[480]; /* what is there, or is not; no full stop at its end */
    char lost[400]; /* what that costs; "" where it costs nothing */
    char how[480];  /* how to get what is not there; "" where nothing is missing */
};
/* Sets verdict and text; a full stop at the end is dropped, for more may follow. */
void found(struct finding *f, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets the other two. */
void costs(struct finding *f, const char *lost, const char *how);

/* doctor_host.c: what this host is, and how it is set. None changes anything. */
void check_kernel(struct finding *f);
void check_virtual_machine(struct finding *f);
void check_hardening(struct finding *f);
void check_swap(struct finding *f);
/* A number of /proc or /sys; -1: there is no such file. */
long number_in(const char *path);

/* doctor_rights.c: whether who starts Cloche may do what it takes. Each is found out by trying, and only what was
 * refused is explained. FATAL: nothing can work, and one cause is named. */
void check_user(struct finding *f);
void check_user_namespaces(struct finding *f);
void check_proc(struct finding *f);

/* doctor_parts.c: what Cloche is made of and takes. */
void check_programs(struct finding *f);
void check_python(struct finding *f);
void check_environments(
    struct finding *f); /* in CLOCHE_ENVIRONMENTS, or where they are by default */
void check_memory(struct finding *f);
void check_port(struct finding *f);
