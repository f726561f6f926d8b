/* store_place.h - what the store's tests share: a store in a directory of its own, and things in it. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "store/store.h"

struct place {
    char path[64];
    int fd;
    struct store *store;
};

static struct error err; /* of the last call, for the message when one fails */

#define OK(call) \
    do { \
        err.message[0] = 0; \
        int status_ = (call); \
        if (status_) \
            fail_msg("%s: %d %s", #call, status_, err.message); \
    } while (0)

static inline void remove_tree(const char *path)
{
    pid_t pid = fork();
    if (!pid) {
        execlp("rm", "rm", "-rf", "--", path, NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static inline int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return -1;
    snprintf(p->path, sizeof p->path, "/tmp/cloche-store-XXXXXX");
    if (!mkdtemp(p->path))
        return -1;
    p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = p;
    return store_open(p->fd, STORE_OWNER, &p->store, &err);
}

static inline int teardown(void **state)
{
    struct place *p = *state;
    store_close(p->store);
    fd_close(&p->fd);
    remove_tree(p->path);
    free(p);
    return 0;
}

static inline void reopen(struct place *p)
{
    p->store = store_close(p->store);
    OK(store_open(p->fd, STORE_OWNER, &p->store, &err));
}

static inline void add_container(
    struct store *s, const char *project, const char *id, const char *name, int64_t at)
{
    struct store_container c = {
        .id = (char *)id,
        .project = (char *)project,
        .name = (char *)name,
        .environment = "base",
        .created_at = at,
        .last_active_at = at,
        .expires_minutes = 20,
        .memory_limit_bytes = 1 << 30,
        .memory_limit = "1g",
        .live = {1, 2, 3, 4, 0, 0},
    };
    OK(store_container_insert(s, &c, &err));
}

static inline void add_execution(struct store *s, const char *container, const char *id, int64_t at)
{
    struct store_execution x = {.id = (char *)id,
        .container_id = (char *)container,
        .project = "default",
        .created_at = at,
        .code = "x=1+1"};
    OK(store_execution_insert(s, &x, &err));
}

static inline char *long_text(size_t n, int seed)
{
    char *text = malloc(n + 1);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + (i * 7 + (size_t)seed + i / 1000) % 26);
    text[n] = 0;
    return text;
}

static inline int count_blobs(struct place *p)
{
    int count = 0;
    char name[32];
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "blobs/%02x", (unsigned)i);
        char command[160];
        snprintf(command, sizeof command, "%s/%s", p->path, name);
        if (access(command, F_OK))
            continue;
        snprintf(command, sizeof command, "ls %s/%s | wc -l", p->path, name);
        FILE *f = popen(command, "r");
        int n = 0;
        if (fscanf(f, "%d", &n) == 1)
            count += n;
        pclose(f);
    }
    return count;
}
