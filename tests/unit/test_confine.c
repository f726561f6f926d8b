/* What the server keeps of its power (cli/confine.h), in a child that confines itself and then tries; and that it
 * says so where it cannot. The running server is asked by tests/sandbox/test_walls.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/confine.h"
#include "sandbox/landlock.h"

enum { NO_SUCH_DESCRIPTOR = 1000 };

/* The first thing that it was let, or 0. */
static int confined(const char *state, const char *elsewhere)
{
    struct error e = {0};
    char mine[128], theirs[128];
    int abi = landlock_abi(); /* which nobody may ask who is confined */
    int dir = open(state, O_PATH | O_DIRECTORY);
    snprintf(mine, sizeof mine, "%s/file", state);
    snprintf(theirs, sizeof theirs, "%s/file", elsewhere);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || confine_self(dir, &e) < 0)
        return 1;
    if (open(mine, O_CREAT | O_WRONLY, 0600) < 0)
        return 2;
    if (abi > 0 && (open(theirs, O_CREAT | O_WRONLY, 0600) >= 0 || errno != EACCES))
        return 3;
#ifndef CLOCHE_SANITIZED
    if (execl("/bin/true", "true", (char *)NULL) == 0 || errno != EPERM)
        return 4;
    if (fork() >= 0 || errno != EPERM)
        return 5;
    if (kill(getppid(), 0) == 0 || errno != EPERM)
        return 6;
    if (syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 || errno != EPERM)
        return 7;
#endif
    return raise(0) != 0 ? 8 : 0;
}

static int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void the_server_is_confined(void **state)
{
    char mine[] = "/tmp/server-XXXXXX", theirs[] = "/tmp/other-XXXXXX", path[128];
    (void)state;
    assert_non_null(mkdtemp(mine));
    assert_non_null(mkdtemp(theirs));
    pid_t pid = fork();
    if (pid == 0)
        _exit(confined(mine, theirs));
    int status = status_of(pid);
    snprintf(path, sizeof path, "%s/file", mine);
    unlink(path);
    rmdir(mine);
    assert_int_equal(rmdir(theirs), 0);
    assert_int_equal(status, 0);
}

/* A listener with an abstract name that Linux chose, and that name. */
static int listening(struct sockaddr_un *ret, socklen_t *ret_size)
{
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    *ret_size = sizeof *ret;
    assert_int_equal(bind(s, (struct sockaddr *)ret, sizeof ret->sun_family), 0);
    assert_int_equal(listen(s, 8), 0);
    assert_int_equal(getsockname(s, (struct sockaddr *)ret, ret_size), 0);
    return s;
}

/* What Landlock alone refuses, the filters left out: bits are what was let. */
static int reached(bool server, const struct sockaddr_un *at, socklen_t size)
{
    int abi = landlock_abi(), s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        (server ? landlock_confine_server(abi, -1) : landlock_confine(abi)) < 0)
        return 4;
    int signalled = kill(getppid(), 0) == 0 ? 1 : errno == EPERM ? 0 : 8;
    int connected = connect(s, (const struct sockaddr *)at, size) == 0 ? 2
                    : errno == EPERM                                   ? 0
                                                                       : 16;
    return signalled | connected;
}

static void signals_and_abstract_sockets_stay_inside(void **state)
{
    struct sockaddr_un at;
    socklen_t size;
    int listener = listening(&at, &size);
    (void)state;
    for (int server = 0; server < 2; server++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(reached(server, &at, size));
        int status = status_of(pid);
        assert_true(WIFEXITED(status));
        /* before that nothing scopes them, and both are let: the test can see what it looks for */
        assert_int_equal(WEXITSTATUS(status), landlock_abi() >= LANDLOCK_ABI_SCOPES ? 0 : 3);
    }
    close(listener);
}

/* A wall that does not stand is no reason to go on without it. */
static void what_cannot_be_confined_is_an_error(void **state)
{
    (void)state;
    if (landlock_abi() == 0) /* nothing looks at the descriptor */
        return;
    pid_t pid = fork();
    if (pid == 0) {
        struct error e = {0};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(confine_self(NO_SUCH_DESCRIPTOR, &e) >= 0 || strstr(e.message, "confine") == NULL);
    }
    assert_int_equal(status_of(pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_is_confined),
        cmocka_unit_test(signals_and_abstract_sockets_stay_inside),
        cmocka_unit_test(what_cannot_be_confined_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
