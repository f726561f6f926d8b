/* attack_hints.c - what attacks are told of this machine, so that they need not search: a secret in the
 * server's environment, a file, a port and an abstract socket that answer outside, the pids by which the
 * host knows Cloche's processes. To know is not to reach: that is what they try. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/ids.h"
#include "cli/attack.h"

static int listener_open(int family, const char *name, int *ret)
{
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    struct sockaddr_in i = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    size_t length = strlen(name);
    memcpy(u.sun_path + 1, name, length); /* abstract: the name begins with a NUL */
    *ret = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*ret < 0)
        return -errno;
    int r = family == AF_UNIX
                ? bind(*ret, (void *)&u,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length))
                : bind(*ret, (void *)&i, sizeof(i));
    return r < 0 || listen(*ret, 64) < 0 ? -errno : 0;
}

int attack_hints_init(struct attack_hints *h, bool local, struct error *e)
{
    char id[ID_SIZE];
    *h = (struct attack_hints){.listener = -1, .abstract = -1, .local = local};
    for (int i = 0; i < 2; i++) {
        id_new(id, "half", 32);
        snprintf(h->secret[i], sizeof(h->secret[i]), "%.36s", id);
    }
    snprintf(h->socket, sizeof(h->socket), "cloche-attack-%d", (int)getpid());
    snprintf(h->file, sizeof(h->file), "/tmp/cloche-attack-XXXXXX");
    cleanup_fd int fd = mkostemp(h->file, O_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, "secret\n", 7);
    if (r == 0)
        r = fchmod(fd, 0644) < 0 ? -errno : 0;
    if (r == 0)
        r = listener_open(AF_UNIX, h->socket, &h->abstract);
    if (r == 0)
        r = listener_open(AF_INET, "", &h->listener);
    if (r < 0)
        return error_set(
            e, ERROR_INTERNAL, -r, "Preparing what attacks look for failed: %s.", strerror(-r));
    return 0;
}

/* ---- pids ---------------------------------------------------------------------------------------------- */

struct process {
    pid_t pid, parent;
    char name[20];
};

static int process_read(pid_t pid, struct process *ret)
{
    char path[32], text[512], *open_at, *close_at;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return -ESRCH;
    text[n] = '\0';
    open_at = strchr(text, '(');
    close_at = strrchr(text, ')');
    if (open_at == NULL || close_at == NULL || strlen(close_at) < 4)
        return -EPROTO;
    *ret = (struct process){.pid = pid, .parent = (pid_t)strtol(close_at + 4, NULL, 10)};
    snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(close_at - open_at - 1), open_at + 1);
    return 0;
}

enum { PROCESSES_MAX = 8192 };

static size_t processes_read(struct process *table)
{
    size_t n = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *f; d != NULL && n < PROCESSES_MAX && (f = readdir(d)) != NULL;)
        if (f->d_name[0] >= '1' && f->d_name[0] <= '9' &&
            process_read((pid_t)strtol(f->d_name, NULL, 10), &table[n]) == 0)
            n++;
    if (d != NULL)
        closedir(d);
    return n;
}

static pid_t child_named(const struct process *table, size_t n, pid_t parent, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].parent == parent && strcmp(table[i].name, name) == 0)
            return table[i].pid;
    return 0;
}

/* Those of a ground that has a kernel: init and kernels are children of their warden. NULL: there is none. */
static json_t *pids(pid_t supervisor)
{
    struct process *table = calloc(PROCESSES_MAX, sizeof(*table));
    size_t n = table == NULL ? 0 : processes_read(table);
    pid_t server = child_named(table, n, supervisor, "cloche");
    json_t *found = NULL;
    for (size_t i = 0; i < n && found == NULL && server != 0; i++) {
        pid_t warden = table[i].pid;
        if (table[i].parent != supervisor || strcmp(table[i].name, "cloche-warden") != 0)
            continue;
        pid_t zygote = child_named(table, n, warden, "python3");
        pid_t init = child_named(table, n, warden, "cloche-init");
        pid_t kernel = child_named(table, n, warden, "kernel");
        if (zygote != 0 && init != 0 && kernel != 0)
            found = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "supervisor", (int)supervisor,
                "warden", (int)warden, "zygote", (int)zygote, "sibling_init", (int)init,
                "sibling_kernel", (int)kernel, "server", (int)server);
    }
    free(table);
    return found;
}

int attack_hints_complete(
    struct attack_hints *h, const char *url, pid_t supervisor, struct error *e)
{
    struct sockaddr_in bound;
    socklen_t length = sizeof(bound);
    getsockname(h->listener, (void *)&bound, &length);
    const char *colon = strrchr(url, ':');
    bool unix_socket = strncmp(url, "unix:", 5) == 0;
    json_t *all = json_pack("{s:s, s:s, s:i, s:i, s:[s, s], s:i}", "file", h->file, "socket",
        h->socket, "port", (int)ntohs(bound.sin_port), "server_port",
        unix_socket || colon == NULL ? 0 : (int)strtol(colon + 1, NULL, 10), "secret", h->secret[0],
        h->secret[1], "inside", 1);
    json_t *found = supervisor > 0 ? pids(supervisor) : NULL;
    h->pids = found != NULL;
    if (found != NULL)
        json_object_set_new(all, "pids", found);
    if (unix_socket)
        json_object_set_new(all, "unix", json_string(url + 5));
    h->json = json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(all);
    return h->json != NULL ? 0 : error_set(e, ERROR_INTERNAL, ENOMEM, "Out of memory.");
}

void attack_hints_deinit(struct attack_hints *h)
{
    free(h->json);
    fd_close(&h->listener);
    fd_close(&h->abstract);
    if (h->file[0] != '\0')
        unlink(h->file);
    *h = (struct attack_hints){.listener = -1, .abstract = -1};
}
