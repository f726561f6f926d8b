/* A ground: one user namespace with a range of ids, one mount namespace with the read-only tree, one
 * pid namespace whose pid 1 is the warden. Its end is the end of everything in it.
 *
 * The order matters. The child is cloned into all its namespaces at once and waits; the parent, who
 * has the right, writes the id maps; only then can the child become root of the ground, build the
 * tree and exec the warden. What fails is told through the socket by value. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/clone.h"
#include "sandbox/tree.h"
#include "supervisor/supervisor.h"
#include "warden/start.h"

struct making {
    struct supervisor *s;
    const char *name;
    struct tree tree;
    char generation[1400]; /* path of the environment's generation; "" for base */
    int cgroup_dirs[CGROUP_DIRS], cgroup_join[CGROUP_DIRS];
    int use_lock;
    uid_t uid; /* the supervisor's: a clone in a new user namespace no longer knows them */
    gid_t gid;
};

static bool name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return n > 0 && n <= 63 && name[n] == 0 && name[0] != '.' && name[0] != '-' && name[0] != '_';
}

/* Follows NAME/current, which must stay below the environments directory, and locks the generation
 * against removal for as long as the ground stands on it. */
static int find_generation(struct making *m, struct error *e)
{
    char path[160], target[128];
    struct stat st;
    if (!strcmp(m->name, "base"))
        return 0;
    if (!name_valid(m->name))
        return error_set(e, ERROR_INVALID_VALUE, EINVAL, "The environment's name is not valid.");
    for (int tries = 0;; tries++) {
        snprintf(path, sizeof path, "%s/current", m->name);
        ssize_t n = m->s->environments < 0
                        ? -1
                        : readlinkat(m->s->environments, path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = 0;
        if (n <= 0 || strchr(target, '/') || target[0] == '.')
            return error_set(e, ERROR_ENVIRONMENT_NOT_BUILT, ENOENT,
                "Environment '%s' is not built. Build it with: cloche env build %s", m->name,
                m->name);
        snprintf(path, sizeof path, "%s/%s/use.lock", m->name, target);
        m->use_lock = openat(m->s->environments, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (m->use_lock >= 0 && flock(m->use_lock, LOCK_SH | LOCK_NB) == 0 &&
            fstat(m->use_lock, &st) == 0 && st.st_nlink > 0)
            break;
        /* removed under our hands: a newer generation is, or will be, current */
        fd_close(&m->use_lock);
        if (tries == 100)
            return error_set(e, ERROR_ENVIRONMENT_NOT_BUILT, EBUSY,
                "Environment '%s' is being removed.", m->name);
        usleep(2000);
    }
    snprintf(m->generation, sizeof m->generation, "%s/%s/%s", m->s->plan.environments_dir, m->name,
        target);
    return 0;
}

static int open_sources(struct making *m, bool privileged, struct error *e)
{
    char path[1500];
    int r = tree_source_open(&m->tree.library, m->s->plan.library_path, privileged);
    if (r < 0)
        return error_set(e, ERROR_INTERNAL, -r, "Opening %s failed.", m->s->plan.library_path);
    if (!m->generation[0])
        return 0;
    snprintf(path, sizeof path, "%s/venv", m->generation);
    if ((r = tree_source_open(&m->tree.venv, path, privileged)) < 0)
        return error_set(
            e, ERROR_ENVIRONMENT_NOT_BUILT, -r, "Environment '%s' has no venv.", m->name);
    snprintf(path, sizeof path, "%s/warmup.py", m->generation);
    m->tree.warmup = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return 0;
}

/* ---- the child ------------------------------------------------------------------------------------ */

/* With one id the map is the child's own to write. The supervisor is not dumpable, so an ordinary user
 * may not open a clone's map in /proc, not even its own: for that moment the clone is dumpable. */
static int write_own_maps(const struct making *m)
{
    char uid_map[32], gid_map[32];
    snprintf(uid_map, sizeof uid_map, "0 %u 1\n", m->uid);
    snprintf(gid_map, sizeof gid_map, "0 %u 1\n", m->gid);
    prctl(PR_SET_DUMPABLE, 1);
    int r = identity_write_maps(0, uid_map, gid_map, true);
    prctl(PR_SET_DUMPABLE, 0);
    return r;
}

static int become_root_of_ground(const struct making *m, struct error *e)
{
    int r = m->s->mode == IDENTITY_SINGLE ? write_own_maps(m) : 0;
    if (r < 0)
        return error_set(
            e, ERROR_INTERNAL, -r, "Mapping ids into the ground failed: %s.", strerror(-r));
    if (m->s->mode != IDENTITY_SINGLE && setgroups(0, NULL) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "setgroups failed.");
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Becoming root of the ground failed.");
    return 0;
}

static int exec_warden(struct making *m, int server_socket, struct error *e)
{
    char numbers[5][16];
    int fds[WARDEN_FDS], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fds[WARDEN_SERVER_FD - 3] = server_socket;
    fds[WARDEN_INIT_FD - 3] = m->s->init_exe;
    fds[WARDEN_LIFELINE_FD - 3] = m->s->lifeline[0];
    for (int i = 0; i < CGROUP_DIRS; i++)
        fds[WARDEN_CGROUP_FD - 3 + i] = m->cgroup_dirs[i] < 0 ? null : m->cgroup_dirs[i];
    int exe = fcntl(m->s->warden_exe, F_DUPFD_CLOEXEC, 100);
    if (null < 0 || exe < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Passing the warden its descriptors failed.");
    for (int i = 0; i < WARDEN_FDS; i++)
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100);
    if (dup2(null, 0) < 0 || dup2(2, 1) < 0) /* first: null may lie where one of them goes */
        return error_set(e, ERROR_INTERNAL, errno, "Redirecting the warden failed.");
    for (int i = 0; i < WARDEN_FDS; i++)
        if (fds[i] < 0 || dup2(fds[i], 3 + i) < 0)
            return error_set(
                e, ERROR_INTERNAL, errno, "Passing the warden its descriptors failed.");
    syscall(SYS_close_range, 3 + WARDEN_FDS, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    snprintf(numbers[0], 16, "%d", m->s->mode);
    snprintf(numbers[1], 16, "%d", identity_sandboxes(m->s->mode, ground_id_count(m->s)));
    snprintf(numbers[2], 16, "%d", m->s->cgroup.version);
    snprintf(numbers[3], 16, "%d", m->generation[0] != 0);
    char *argv[] = {(char *)"cloche-warden", numbers[0], numbers[1], numbers[2], numbers[3],
        (char *)m->name, NULL};
    char *env[] = {(char *)"PATH=/usr/bin:/bin", NULL, NULL};
    if (getenv("ASAN_OPTIONS"))
        env[1] = getenv("ASAN_OPTIONS") - strlen("ASAN_OPTIONS=");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    syscall(SYS_execveat, exe, "", argv, env, AT_EMPTY_PATH);
    return error_set(e, ERROR_INTERNAL, errno, "Starting the warden failed.");
}

static void child(struct making *m, int sync, int server_socket)
{
    struct error e = {0};
    char go;
    int r = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; r == 0 && m->s->cgroup.version == CGROUP_V1 && i < CGROUP_DIRS; i++)
        if (write(m->cgroup_join[i], "0", 1) < 0)
            r = error_set(&e, ERROR_INTERNAL, errno, "Joining the ground's cgroup failed.");
    if (fd_read_all(sync, &go, 1) < 0)
        _exit(1); /* the supervisor is gone, or could not write the maps */
    if (r == 0)
        r = become_root_of_ground(m, &e);
    if (r == 0 && m->tree.library.mount < 0)
        r = open_sources(m, false, &e);
    if (r == 0)
        r = tree_enter(&m->tree, &e);
    if (r == 0)
        r = exec_warden(m, server_socket, &e);
    fd_write_all(sync, &e, sizeof e);
    _exit(1);
}

/* ---- the parent ------------------------------------------------------------------------------------- */

static int write_maps(const struct supervisor *s, int id, pid_t pid)
{
    char map[64];
    if (s->mode == IDENTITY_SINGLE)
        return 0; /* see write_own_maps */
    if (s->mode == IDENTITY_SUBUID)
        return identity_map_subordinate(pid, ground_first_id(s, id), ground_id_count(s));
    snprintf(map, sizeof map, "0 %u %u\n", ground_first_id(s, id), ground_id_count(s));
    return identity_write_maps(pid, map, map, false);
}

/* End of file: the warden runs. Anything else is the child's last words. */
static int hear(int sync, struct error *e)
{
    struct error said;
    ssize_t n;
    do
        n = read(sync, &said, sizeof said);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    if (n != (ssize_t)sizeof said)
        return error_set(e, ERROR_INTERNAL, EPROTO, "The ground's first process died.");
    said.message[sizeof said.message - 1] = 0;
    *e = said;
    return said.saved_errno > 0 ? -said.saved_errno : -EINVAL;
}

static int clone_ground(struct making *m, struct ground *g, struct error *e)
{
    int pair[2] = {-1, -1}, sync[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync) < 0) {
        fds_close(pair, 2);
        return error_set(e, ERROR_INTERNAL, errno, "Sockets for the ground cannot be had.");
    }
    uint64_t flags =
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    if (m->s->cgroup.version == CGROUP_V2)
        flags |= CLONE_INTO_CGROUP;
    /* Whoever is born with our score may go back to it at any time, a kernel too: so none is. */
    int r = fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", "0");
    if (r == -EACCES)
        r = 0; /* it never was ours to change */
    pid_t p = r < 0 ? r : clone_process(flags, SIGCHLD, NULL, m->cgroup_join[0], NULL);
    if (p == 0) {
        close(sync[0]);
        close(m->s->lifeline[1]);
        child(m, sync[1], pair[1]);
    }
    fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", SUPERVISOR_OOM_SCORE);
    fd_close(&sync[1]);
    fd_close(&pair[1]);
    r = p < 0 ? error_set(e, ERROR_INTERNAL, -p, "Cloning the ground failed: %s.", strerror(-p))
              : 0;
    if (r == 0 && (r = write_maps(m->s, g->id, p)) < 0)
        error_set(e, ERROR_INTERNAL, -r, "Mapping ids into the ground failed: %s.", strerror(-r));
    if (r == 0 && (r = fd_write_all(sync[0], "x", 1)) < 0)
        error_set(e, ERROR_INTERNAL, -r, "The ground's first process died.");
    if (r == 0)
        r = hear(sync[0], e);
    fd_close(&sync[0]);
    if (r < 0) {
        if (p > 0) {
            kill(p, SIGKILL);
            waitpid(p, NULL, 0);
        }
        fd_close(&pair[0]);
        return r;
    }
    g->warden = p;
    g->server_socket = pair[0];
    return 0;
}

static struct ground *free_entry(struct supervisor *s)
{
    for (int i = 0; i < GROUNDS_MAX; i++)
        if (s->grounds[i].id < 0)
            return &s->grounds[i];
    return NULL;
}

int ground_make(struct supervisor *s, const char *name, struct ground **ret, struct error *e)
{
    struct making m = {.s = s,
        .name = name,
        .use_lock = -1,
        .uid = geteuid(),
        .gid = getegid(),
        .tree = {{-1, -1}, {-1, -1}, -1},
        .cgroup_dirs = {-1, -1, -1},
        .cgroup_join = {-1, -1, -1}};
    struct ground *g = free_entry(s);
    if (!g)
        return error_set(
            e, ERROR_QUOTA_EXCEEDED, EMFILE, "There are %d grounds already.", GROUNDS_MAX);
    /* The entry's place decides the id range, so an id is its place plus whole rounds of the table. */
    int place = (int)(g - s->grounds);
    *g = (struct ground){.id = s->next_ground++ * GROUNDS_MAX + place,
        .server_socket = -1,
        .cpu_idle = -1,
        .use_lock = -1};
    snprintf(g->name, sizeof g->name, "%s", name);
    int r = find_generation(&m, e);
    if (r == 0 && s->mode == IDENTITY_RANGE)
        r = open_sources(&m, true, e);
    if (r == 0)
        r = cgroup_ground_make(
            &s->cgroup, g->id, ground_first_id(s, g->id), m.cgroup_dirs, m.cgroup_join, e);
    if (r == 0)
        r = clone_ground(&m, g, e);
    if (r == 0)
        g->cpu_idle = cgroup_ground_idle_open(&s->cgroup, m.cgroup_dirs);
    tree_source_close(&m.tree.library);
    tree_source_close(&m.tree.venv);
    fd_close(&m.tree.warmup);
    fds_close(m.cgroup_dirs, CGROUP_DIRS);
    fds_close(m.cgroup_join, CGROUP_DIRS);
    g->use_lock = m.use_lock;
    if (r < 0) {
        error_add_reason(e);
        ground_forget(s, g);
        return r;
    }
    *ret = g;
    return 0;
}

struct ground *ground_find(struct supervisor *s, uint64_t id)
{
    for (int i = 0; i < GROUNDS_MAX; i++)
        if (s->grounds[i].id >= 0 && (uint64_t)s->grounds[i].id == id)
            return &s->grounds[i];
    return NULL;
}

void ground_end(struct ground *g)
{
    g->ending = true;
    if (g->warden > 0)
        kill(g->warden, SIGKILL);
}

void ground_forget(struct supervisor *s, struct ground *g)
{
    cgroup_ground_remove(&s->cgroup, g->id);
    fd_close(&g->server_socket);
    fd_close(&g->cpu_idle);
    fd_close(&g->use_lock);
    *g = (struct ground){.id = -1, .server_socket = -1, .cpu_idle = -1, .use_lock = -1};
}
