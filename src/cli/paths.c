#include "cli/paths.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static char *joined(const char *a, const char *b)
{
    char *out;
    return asprintf(&out, "%s/%s", a, b) < 0 ? NULL : out;
}

static char *data_path(const char *system, const char *variable, const char *below_home,
    const char *name, struct error *e)
{
    if (geteuid() == 0)
        return strdup(system);
    const char *base = getenv(variable), *home = getenv("HOME");
    if (base != NULL && base[0] == '/') /* the specification: relative ones are to be ignored */
        return joined(base, name);
    if (home == NULL || home[0] != '/') {
        error_set(
            e, ERROR_INVALID_VALUE, 0, "Neither %s nor HOME says where to keep data.", variable);
        return NULL;
    }
    cleanup_free char *share = joined(home, below_home);
    return share == NULL ? NULL : joined(share, name);
}

char *paths_state(struct error *e)
{
    return data_path("/var/lib/cloche/state", "XDG_STATE_HOME", ".local/state", "cloche", e);
}

char *paths_environments(struct error *e)
{
    return data_path(
        "/var/lib/cloche/environments", "XDG_DATA_HOME", ".local/share", "cloche/environments", e);
}

int paths_make(const char *path, struct error *e)
{
    cleanup_free char *copy = strdup(path);
    if (copy == NULL)
        return -ENOMEM;
    for (char *at = copy + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
        *at = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return error_set(
                e, ERROR_INVALID_VALUE, errno, "Cannot make %s: %s.", copy, strerror(errno));
    }
    if (mkdir(copy, 0700) < 0 && errno != EEXIST)
        return error_set(
            e, ERROR_INVALID_VALUE, errno, "Cannot make %s: %s.", copy, strerror(errno));
    return 0;
}

int paths_shipped(const char *name, const char *witness, char *ret, size_t size)
{
    static const char *const places[] = {"share/cloche", "../share/cloche"};
    char program[PATH_MAX], check[PATH_MAX + 256];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (n <= 0)
        return -ENOENT;
    program[n] = '\0';
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int length = snprintf(ret, size, "%s/%s/%s", program, places[i], name);
        snprintf(check, sizeof(check), "%s/%s", ret, witness);
        if (length < (int)size && access(check, R_OK) == 0)
            return 0;
    }
    ret[0] = '\0';
    return -ENOENT;
}

static int found(char **ret, const char *folder, const char *name, struct error *e)
{
    char resolved[PATH_MAX];
    cleanup_free char *path = joined(folder, name);
    if (path == NULL)
        return -ENOMEM;
    if (realpath(path, resolved) == NULL)
        return error_set(e, ERROR_INTERNAL, errno, "A part of Cloche is missing: %s (%s).", path,
            strerror(errno));
    *ret = strdup(resolved);
    return *ret == NULL ? -ENOMEM : 0;
}

static int all_found(struct programs *p, const char *folder, struct error *e)
{
    cleanup_free char *beside = joined(folder, "cloche-supervisor");
    p->build_tree = beside != NULL && access(beside, F_OK) == 0;
    cleanup_free char *library = p->build_tree ? strdup(folder) : joined(folder, "../lib/cloche");
    if (library == NULL)
        return -ENOMEM;
    int r = found(&p->supervisor, library, "cloche-supervisor", e);
    if (r == 0)
        r = found(&p->warden, library, "cloche-warden", e);
    if (r == 0)
        r = found(&p->init, library, "cloche-init", e);
    if (r == 0)
        r = found(&p->library, library, p->build_tree ? "src/kernel" : "kernel", e);
    cleanup_free char *extension = NULL, *python = NULL;
    if (r == 0)
        r = found(&extension, p->library, "_cloche.abi3.so", e);
    if (r == 0)
        r = found(&python, p->library, "python/cloche_kernel", e);
    return r;
}

int programs_find(struct programs *ret, struct error *e)
{
    struct programs p = {0};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0)
        return error_set(
            e, ERROR_INTERNAL, errno, "Cannot read /proc/self/exe: %s.", strerror(errno));
    self[n] = '\0';
    p.cloche = strdup(self);
    *strrchr(self, '/') = '\0';
    int r = p.cloche == NULL ? -ENOMEM : all_found(&p, self, e);
    if (r < 0) {
        programs_deinit(&p);
        return r;
    }
    *ret = p;
    return 0;
}

void programs_deinit(struct programs *p)
{
    free(p->cloche);
    free(p->supervisor);
    free(p->warden);
    free(p->init);
    free(p->library);
    *p = (struct programs){0};
}
