/* doctor.h - what the parts of `cloche doctor` share: a finding, and who fills one. */
#pragma once
#include <stdbool.h>

enum verdict { FINE, ABSENT, LOSS, FATAL };

struct finding {
    enum verdict verdict;
    char text[480];
};
void found(struct finding *f, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* doctor_host.c: what this host is, and how it is set. None changes anything. */
void check_kernel(struct finding *f);
void check_user(struct finding *f);
void check_user_namespaces(struct finding *f);
void check_virtual_machine(struct finding *f);
void check_hardening(struct finding *f);
void check_swap(struct finding *f);
