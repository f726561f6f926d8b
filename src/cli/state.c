#include "cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/paths.h"
#include "sandbox/identity.h"
#include "store/store.h"

void state_server_identity(uid_t *ret_uid, gid_t *ret_gid)
{
    *ret_uid = geteuid();
    *ret_gid = getegid();
    if (*ret_uid != 0)
        return;
    const struct passwd *user = getpwnam("cloche");
    *ret_uid = user != NULL ? user->pw_uid : HOST_ID_FIRST;
    *ret_gid = user != NULL ? user->pw_gid : HOST_ID_FIRST;
}

int state_open(const char *path, struct error *e)
{
    uid_t uid;
    gid_t gid;
    struct stat st;
    int r = paths_make(path, e);
    if (r < 0)
        return r;
    cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set(e, ERROR_INVALID_VALUE, errno, "Cannot open the state directory %s: %s.",
            path, strerror(errno));
    state_server_identity(&uid, &gid);
    if (geteuid() == 0 && st.st_uid == 0 && (fchown(fd, uid, gid) < 0 || fchmod(fd, 0700) < 0))
        return error_set(e, ERROR_INVALID_VALUE, errno,
            "Cannot give %.120s to the server's user: %s; `cloche doctor` says what this host lacks.",
            path, strerror(errno));
    return take_fd(&fd);
}

int state_become_owner(int dir, struct error *e)
{
    struct stat st;
    if (fstat(dir, &st) < 0)
        return error_set(
            e, ERROR_INTERNAL, errno, "Cannot look at the state directory: %s.", strerror(errno));
    umask(077);
    if (st.st_uid == geteuid())
        return 0;
    if (geteuid() != 0)
        return error_set(e, ERROR_FORBIDDEN, EPERM,
            "The state directory belongs to user %u; run this as that user or as root.",
            (unsigned)st.st_uid);
    if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
        return error_set(e, ERROR_INTERNAL, errno,
            "Cannot become user %u, who owns the state directory: %s.", (unsigned)st.st_uid,
            strerror(errno));
    return 0;
}

static int keys_exist_as_owner(int dir)
{
    struct store *store;
    if (state_become_owner(dir, NULL) < 0 || store_open(dir, 0, &store, NULL) < 0)
        return 2;
    int r = store_keys_exist(store);
    store_close(store);
    return r < 0 ? 2 : r;
}

int state_has_keys(int dir, struct error *e)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(keys_exist_as_owner(dir));
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return error_set(
            e, ERROR_INTERNAL, errno, "Cannot ask the store for keys: %s.", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
        return error_set(
            e, ERROR_INTERNAL, EIO, "The store in the state directory cannot be read.");
    return WEXITSTATUS(status);
}
