#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "init/start.h"
#include "sandbox/clone.h"
#include "sandbox/layers.h"
#include "warden/start.h"
#include "warden/warden.h"

/* What a sandbox counts for beside its ground's others; warden and zygotes have 1024 each. Many times what
 * one that gives way counts for (CGROUP_IDLE_SHARES): by so much less does it owe that one for the time it
 * took, and who owes nothing when it wakes up need not wait for the end of the other's slice. */
enum { SHARES = 256 };

enum { NAMESPACES_PATIENCE = 200 /* times 5 ms */ };

void sandbox_cgroup_name(char to[24], uint32_t id) { snprintf(to, 24, "s%u", id); }

struct sandbox *sandbox_find(struct warden *w, uint32_t id)
{
    return id < w->capacity ? w->sandboxes[id] : NULL;
}

/* Ids are reused as late as possible, so that a number seen in a log means one sandbox for long. */
static struct sandbox *allocate(struct warden *w)
{
    for (uint32_t i = 0; i < w->capacity; i++) {
        uint32_t id = (w->next_id + i) % w->capacity;
        if (w->sandboxes[id])
            continue;
        struct sandbox *b = malloc(sizeof *b);
        if (!b)
            return NULL;
        *b = (struct sandbox){
            .id = id, .init_socket = -1, .server_end = -1, .init = -1, .kernel = -1};
        memset(b->ns, 0xff, sizeof b->ns);
        memset(b->waiting.pipes, 0xff, sizeof b->waiting.pipes);
        w->sandboxes[id] = b;
        w->next_id = (id + 1) % w->capacity;
        w->live++;
        zygote_memory_room(w);
        namespaces_limit(w);
        return b;
    }
    return NULL;
}

static void forget(struct warden *w, struct sandbox *b)
{
    char name[24];
    sandbox_cgroup_name(name, b->id);
    fd_close(&b->init_socket);
    fd_close(&b->server_end);
    fds_close(b->ns, SANDBOX_NAMESPACES);
    fds_close(b->waiting.pipes, KERNEL_PIPES);
    /* The last process was reaped, but may still be coming off the cgroup's books. */
    for (int i = 0; b->cgroup_made && i < 2000 &&
                    cgroup_session_remove(w->cgroup_version, w->cgroup_dirs, name) == -EBUSY;
         i++)
        usleep(i < 20 ? 50 : 500);
    w->sandboxes[b->id] = NULL;
    w->live--;
    zygote_memory_room(w);
    namespaces_limit(w);
    free(b);
}

/* ---- making ----------------------------------------------------------------------------------------- */

/* The warden hears it as if init had said it. */
static void fail(int socket, const char *step)
{
    struct message m = {.op = INIT_PREPARED, .status = -errno};
    message_text(&m, "Starting init failed at %s: %s.", step, strerror(errno));
    message_send(socket, &m, NULL, 0);
    _exit(1);
}

/* In the child: clone, maps, exec. `inits`: where it joins them, if it is not there yet. */
static void become_init(const struct warden *w, int socket, int server_socket, int inits,
    const int join[CGROUP_DIRS], const int usage[CGROUP_USAGES], int folder,
    const struct message *m)
{
    char go, numbers[4][24];
    if (w->cgroup_version == CGROUP_V1 && write(inits, "0", 1) < 0)
        fail(socket, "its cgroup");
    if (fd_read_all(socket, &go, 1) < 0) /* the maps are written */
        _exit(1);
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        fail(socket, "its ids");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int fds[INIT_FDS], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int exe = fcntl(WARDEN_INIT_FD, F_DUPFD_CLOEXEC, 100);
    fds[INIT_WARDEN_FD - 3] = socket;
    fds[INIT_SERVER_FD - 3] = server_socket;
    for (int i = 0; i < CGROUP_USAGES; i++)
        fds[INIT_USAGE_FD - 3 + i] = usage[i];
    for (int i = 0; i < CGROUP_DIRS; i++)
        fds[INIT_JOIN_FD - 3 + i] = join[i];
    fds[INIT_FOLDER_FD - 3] = folder;
    for (int i = 0; i < INIT_FDS; i++)
        fds[i] = fcntl(fds[i] < 0 ? null : fds[i], F_DUPFD_CLOEXEC, 100);
    for (int i = 0; i < INIT_FDS; i++)
        if (fds[i] < 0)
            fail(socket, "its descriptors");
    socket = fds[INIT_WARDEN_FD - 3];
    for (int i = 0; i < INIT_FDS; i++)
        if (dup2(fds[i], 3 + i) < 0)
            fail(socket, "its descriptors");
    syscall(SYS_close_range, 3 + INIT_FDS, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    snprintf(numbers[0], 24, "%d", identity_block(w->mode));
    snprintf(numbers[1], 24, "%llu", (unsigned long long)m->word[1]);
    snprintf(numbers[2], 24, "%llu", (unsigned long long)m->word[2]);
    snprintf(numbers[3], 24, "%d", w->cgroup_version);
    char *argv[] = {(char *)"cloche-init", numbers[0], numbers[1], numbers[2], numbers[3], NULL};
    char *env[] = {NULL, NULL};
#ifdef CLOCHE_SANITIZED
    env[0] = (char *)"ASAN_OPTIONS=detect_leaks=0";
#endif
    syscall(SYS_execveat, exe, "", argv, env, AT_EMPTY_PATH);
    fail(socket, "its program");
}

static int write_maps(const struct warden *w, const struct sandbox *b)
{
    char map[96];
    uid_t base = identity_init(w->mode, b->id);
    if (w->mode == IDENTITY_SINGLE)
        snprintf(map, sizeof map, "0 0 1\n");
    else
        snprintf(map, sizeof map, "0 %u 1\n%d %u %d\n", base, SANDBOX_BRANCH_ID, base + 1,
            identity_block(w->mode) - 1);
    return identity_write_maps(b->init, map, map, false);
}

/* Namespaces of sandboxes that have ended are counted until Linux is done with them: made and ended as fast as
 * can be, they are waited for. */
static pid_t clone_counted(uint64_t flags, int inits)
{
    pid_t p = clone_process(flags, SIGCHLD, NULL, inits, NULL);
    for (int i = 0; p == -ENOSPC && i < NAMESPACES_PATIENCE; i++) {
        usleep(5000);
        p = clone_process(flags, SIGCHLD, NULL, inits, NULL);
    }
    return p;
}

static int clone_init(struct warden *w, struct sandbox *b, const struct message *m,
    const int join[CGROUP_DIRS], const int usage[CGROUP_USAGES], int folder, struct error *e)
{
    int pair[2], server_pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set(e, ERROR_QUOTA_EXCEEDED, errno, "Sockets for a sandbox cannot be had: %s.",
            strerror(errno));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, server_pair) < 0) {
        fds_close(pair, 2);
        return error_set(e, ERROR_QUOTA_EXCEEDED, errno, "Sockets for a sandbox cannot be had: %s.",
            strerror(errno));
    }
    uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS;
    if (layer_left_out("net namespace"))
        flags &= ~(uint64_t)CLONE_NEWNET;
    cleanup_fd int inits = cgroup_inits_open(w->cgroup_version, w->cgroup_dirs);
    if (w->cgroup_version == CGROUP_V2)
        flags |= CLONE_INTO_CGROUP;
    b->init = inits < 0 && w->cgroup_version != CGROUP_NONE ? inits : clone_counted(flags, inits);
    if (b->init == 0)
        become_init(w, pair[1], server_pair[1], inits, join, usage, folder, m);
    close(pair[1]);
    close(server_pair[1]);
    b->init_socket = pair[0];
    b->server_end = server_pair[0];
    if (b->init < 0) {
        int saved = -b->init;
        b->init = -1;
        return error_set(
            e, ERROR_QUOTA_EXCEEDED, saved, "Cloning a sandbox failed: %s.", strerror(saved));
    }
    int r = write_maps(w, b);
    if (r == 0)
        r = fd_write_all(b->init_socket, "x", 1);
    if (r == 0)
        /* what epoll tells may have been about one before it */
        r = fd_set_nonblock(b->init_socket, true);
    if (r == 0)
        r = warden_watch(w, b->init_socket, SOURCE(SOURCE_INIT, b->id));
    return r < 0 ? error_set(e, ERROR_INTERNAL, -r, "Mapping ids into a sandbox failed: %s.",
                       strerror(-r))
                 : 0;
}

/* To a tmpfs 0 bytes, and 0 inodes, mean no limit. */
static bool limited(const struct message *m)
{
    const uint64_t *v = m->word;
    return v[0] > 0 && v[0] <= INT64_MAX && v[1] > 0 && v[1] <= v[0] && v[2] > 0 &&
           v[2] <= INT32_MAX && v[3] > 0 && v[3] <= INT32_MAX &&
           (v[4] == 0 || (v[4] >= CGROUP_QUOTA_LEAST_US && v[4] <= INT32_MAX));
}

void sandbox_make(struct warden *w, const struct message *m, int folder)
{
    struct error e = {0};
    char name[24];
    if (!limited(m)) {
        error_set(&e, ERROR_INVALID_VALUE, EINVAL,
            "A sandbox needs limits, and its files fit into its memory.");
        warden_answer(m->op, m->serial, 0, -EINVAL, &e, NULL, 0, NULL, 0);
        return;
    }
    struct sandbox *b = allocate(w);
    if (!b) {
        error_set(&e, ERROR_QUOTA_EXCEEDED, EMFILE,
            "There is room for %u sandboxes and all are taken.", w->capacity);
        warden_answer(m->op, m->serial, 0, -EMFILE, &e, NULL, 0, NULL, 0);
        return;
    }
    int join[CGROUP_DIRS] = {-1, -1, -1}, usage[CGROUP_USAGES] = {-1, -1, -1, -1};
    struct cgroup_limits limits = {.memory_bytes = m->word[0],
        .pids = (uint32_t)m->word[3],
        .cpu_shares = SHARES,
        .cpu_quota_us = (uint32_t)m->word[4]};
    sandbox_cgroup_name(name, b->id);
    b->state = SANDBOX_MAKING;
    b->memory_bytes = m->word[0];
    b->folder = folder >= 0;
    int r = cgroup_session_make(w->cgroup_version, w->cgroup_dirs, name, &limits, &e);
    b->cgroup_made = r == 0 && w->cgroup_version != CGROUP_NONE;
    if (r == 0 &&
        ((r = cgroup_session_join(
              w->cgroup_version, w->cgroup_dirs, name, identity_init(w->mode, b->id), join)) < 0 ||
            (r = cgroup_session_usage(w->cgroup_version, w->cgroup_dirs, name, usage)) < 0))
        error_set(&e, ERROR_INTERNAL, -r, "Opening cgroup %s failed: %s.", name, strerror(-r));
    if (r == 0)
        r = clone_init(w, b, m, join, usage, folder, &e);
    fds_close(join, CGROUP_DIRS); /* init has its own */
    fds_close(usage, CGROUP_USAGES);
    if (r < 0) {
        warden_answer(m->op, m->serial, b->id, r, &e, NULL, 0, NULL, 0);
        if (b->init > 0)
            sandbox_end(w, b, 0);
        else
            forget(w, b);
        return;
    }
    b->pending = m->serial;
    b->pending_op = m->op;
}

/* ---- init speaks -------------------------------------------------------------------------------------- */

static void answer_pending(
    struct sandbox *b, int r, const struct error *e, const int *fds, size_t n)
{
    if (b->pending)
        warden_answer(b->pending_op, b->pending, b->id, r, e, NULL, 0, fds, n);
    b->pending = 0;
}

static void init_prepared(struct warden *w, struct sandbox *b, const struct message *m, int *fds)
{
    struct error e = {0};
    bool first = b->state == SANDBOX_MAKING;
    if (b->state == SANDBOX_PREPARED) { /* asked for the way in once more */
        if (m->status == 0)
            memcpy(b->ns, fds, sizeof b->ns);
        zygote_fork_waiting(w, b, m->status);
        return;
    }
    if (m->status < 0) {
        error_set(&e, ERROR_INTERNAL, -m->status, "%.200s", m->text);
        answer_pending(b, m->status, &e, NULL, 0);
        fds_close(fds, SANDBOX_NAMESPACES);
        if (first)
            sandbox_end(w, b, 0);
        return;
    }
    if (m->length > 0)
        log_line(LOG_WARN, "warden", "a sandbox is not whole",
            "environment=%s sandbox=%u what=\"%.200s\"", w->name, b->id, m->text);
    fds_close(b->ns, SANDBOX_NAMESPACES);
    memcpy(b->ns, fds, sizeof b->ns);
    b->state = SANDBOX_PREPARED;
    answer_pending(b, 0, NULL, &b->server_end, first ? 1 : 0);
}

static const struct permit init_permits[] = {{INIT_PREPARED, 0, SANDBOX_NAMESPACES, true}};

void sandbox_heard(struct warden *w, struct sandbox *b)
{
    static struct message m;
    int fds[SANDBOX_NAMESPACES];
    int n = message_receive(b->init_socket, &m, fds, SANDBOX_NAMESPACES);
    if (n == -EAGAIN)
        return;
    bool expected = b->state == SANDBOX_MAKING || b->state == SANDBOX_EMPTYING ||
                    (b->state == SANDBOX_PREPARED && b->waiting.serial);
    if (n >= 0 && expected && message_permitted(init_permits, 1, &m, n) == 0 &&
        (m.status < 0 || n == SANDBOX_NAMESPACES)) {
        init_prepared(w, b, &m, fds);
        return;
    }
    if (n > 0)
        fds_close(fds, (size_t)n);
    /* the end of init is reported by its death; a violation is its death */
    fd_close(&b->init_socket);
    if (b->init > 0)
        kill(b->init, SIGKILL);
}

/* ---- recycling and ending ------------------------------------------------------------------------------- */

void sandbox_recycle(struct warden *w, struct sandbox *b, uint32_t serial)
{
    struct message m = {.op = INIT_RECYCLE};
    (void)w;
    b->state = SANDBOX_EMPTYING;
    b->pending = serial;
    b->pending_op = WARDEN_RECYCLE;
    int r = b->init_socket < 0 ? -EPIPE : message_send(b->init_socket, &m, NULL, 0);
    if (r < 0) {
        struct error e;
        error_set(&e, ERROR_INTERNAL, -r, "The sandbox's init is gone.");
        answer_pending(b, r, &e, NULL, 0);
    }
}

void sandbox_give_way(struct warden *w, struct sandbox *b, bool gives_way)
{
    char name[24];
    sandbox_cgroup_name(name, b->id);
    int r = !b->cgroup_made ? 0
                            : cgroup_session_give_way(
                                  w->cgroup_version, w->cgroup_dirs, name, gives_way, SHARES);
    if (r < 0)
        log_line(LOG_WARN, "warden", "a sandbox did not change its weight",
            "environment=%s sandbox=%u errno=%d", w->name, b->id, -r);
}

void sandbox_raise_memory(struct warden *w, struct sandbox *b, const struct message *m)
{
    char name[24];
    struct error e = {0};
    uint64_t bytes = m->word[0] <= INT64_MAX ? m->word[0] : 0;
    int r = 0;
    sandbox_cgroup_name(name, b->id);
    if (bytes > b->memory_bytes && b->cgroup_made)
        r = cgroup_session_memory(w->cgroup_version, w->cgroup_dirs, name, bytes, &e);
    if (r == 0 && bytes > b->memory_bytes)
        b->memory_bytes = bytes;
    warden_answer(m->op, m->serial, b->id, r, &e, &b->memory_bytes, 1, NULL, 0);
}

static void gone_if_reaped(struct warden *w, struct sandbox *b)
{
    if (b->init > 0 || b->kernel > 0)
        return;
    uint32_t id = b->id, pending = b->pending;
    uint16_t op = b->pending_op;
    forget(w, b);
    if (pending)
        warden_answer(op, pending, id, 0, NULL, NULL, 0, NULL, 0);
}

void sandbox_end(struct warden *w, struct sandbox *b, uint32_t serial)
{
    struct error e;
    if (b->state == SANDBOX_ENDING && b->pending && serial) {
        error_set(&e, ERROR_NOT_FOUND, ESRCH, "The sandbox is ending already.");
        warden_answer(WARDEN_END, serial, b->id, -ESRCH, &e, NULL, 0, NULL, 0);
        return;
    }
    if (b->pending && b->state != SANDBOX_ENDING) {
        error_set(&e, ERROR_INTERNAL, ECANCELED, "The sandbox was ended.");
        answer_pending(b, -ECANCELED, &e, NULL, 0);
    }
    b->state = SANDBOX_ENDING;
    if (serial) {
        b->pending = serial;
        b->pending_op = WARDEN_END;
    }
    if (b->init > 0)
        /* the pid namespace ends with it; the kernel is then ours to reap */
        kill(b->init, SIGKILL);
    gone_if_reaped(w, b);
}

void sandbox_init_died(struct warden *w, struct sandbox *b)
{
    struct error e;
    b->init = -1;
    if (b->state != SANDBOX_ENDING) {
        bool known = b->state != SANDBOX_MAKING;
        uint32_t id = b->id;
        error_set(&e, ERROR_INTERNAL, EPIPE, "The sandbox's init died.");
        answer_pending(b, -EPIPE, &e, NULL, 0);
        b->state = SANDBOX_ENDING;
        if (known)
            warden_answer(WARDEN_SANDBOX_DIED, 0, id, 0, NULL, NULL, 0, NULL, 0);
    }
    gone_if_reaped(w, b);
}

void sandbox_kernel_died(struct warden *w, struct sandbox *b, int code, int status)
{
    char name[24];
    sandbox_cgroup_name(name, b->id);
    uint64_t oom = cgroup_session_oom(w->cgroup_version, w->cgroup_dirs, name);
    uint64_t words[] = {b->kernel_serial, (uint64_t)code, (uint64_t)status, oom - b->oom_before};
    b->kernel = -1;
    if (b->state == SANDBOX_KERNEL)
        b->state = SANDBOX_PREPARED;
    if (b->state != SANDBOX_ENDING)
        warden_answer(WARDEN_KERNEL_DIED, 0, b->id, 0, NULL, words, 4, NULL, 0);
    else
        gone_if_reaped(w, b);
}
