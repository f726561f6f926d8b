/* filter.h - the two seccomp filters, taken together the wall between a kernel and the host's calls.
 *
 * The first, a deny list compiled at build time from filter_table.h, is on a zygote before its first
 * import and inherited by kernels. The second, by hand, is a kernel's last step before any Python: it
 * takes away what making a kernel takes. A test interprets both for every call and ABI. */
#pragma once
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/* Numbers above this one were not reviewed: ENOSYS, as an older kernel would say. */
enum { HIGHEST_REVIEWED_SYSCALL = 462 /* mseal, Linux 6.10 */ };

/* Both load for this process and what it makes; PR_SET_NO_NEW_PRIVS must be set. 0 or -errno.
 * Allowed after clone. */
int filter_load_first(void);
/* `folder`: files of the host's are written, and fsync reaches its disk. The caller owns *ret_listener, on
 * which init hears of the calls that are its to answer; -1 where somebody above listens already: then it is
 * loaded alone. Once the listener is closed those calls are ENOSYS. Who asks can be killed at any time, but gets
 * no other signal between question and answer, where Linux can do that (5.19). */
int filter_load_second(bool folder, int *ret_listener);
/* The same where there is no init to ask: a netlink socket is ENOSYS, a change of any number but 0 EPERM,
 * and neither locks nor who listens are counted. */
int filter_load_second_alone(bool folder);

/* The server's own, once its settings are read: the first filter, and no program, no namespace, no other id,
 * no process of another. For a process of one thread. Later threads inherit it. 0 or -errno. */
int filter_load_server(void);

/* The programs themselves, for tests. Borrowed, constant. */
const struct sock_filter *filter_first_program(size_t *ret_n);
const struct sock_filter *filter_second_program(size_t *ret_n);
const struct sock_filter *filter_server_program(size_t *ret_n);
