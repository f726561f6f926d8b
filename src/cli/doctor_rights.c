/* doctor_rights.c - whether who starts Cloche may do what it takes: make user namespaces that have their rights, map
 * ids into them, mount /proc there.
 *
 * Containers and distributions take these one by one, and each then fails in another place with the same EPERM. So
 * each is tried as the supervisor does it (the rows of sandbox/probe.h), and what was refused is explained by
 * what can be seen of the host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/doctor.h"
#include "sandbox/caps.h"
#include "sandbox/identity.h"
#include "sandbox/landlock.h"
#include "sandbox/probe.h"

#define NOTHING_RUNS "no sandbox can be made, so nothing runs"
#define NO_CGROUPS \
    "no limits on memory and cpu (cgroups are root's), 128 processes a session by rlimit; descriptors as many as " \
    "you may have, and limits per user shared with the server"
#define ONE_ID "; one branch cannot be ended alone; supplementary groups stay; " NO_CGROUPS
#define AND_THE_REST " and the other options in docs/sandbox.md, \"In a container\""

/* The line of /proc/self/status with that name, as a number to that base; 0 where there is none. */
static unsigned long long status_number(const char *name, int base)
{
    char text[8192];
    const char *line = fd_read_file(AT_FDCWD, "/proc/self/status", text, sizeof(text)) > 0
                           ? strstr(text, name)
                           : NULL;
    return line != NULL ? strtoull(line + strlen(name), NULL, base) : 0;
}

/* ---- who starts it ------------------------------------------------------------------------------------- */

/* Root's work takes these; each was taken away by itself, and `cloche run` failed. */
static void check_capabilities(struct finding *f)
{
    static const struct {
        int number;
        const char *name;
    } needed[] = {{CAP_SYS_ADMIN, "SYS_ADMIN"}, {CAP_SETUID, "SETUID"}, {CAP_SETGID, "SETGID"},
        {CAP_CHOWN, "CHOWN"}};
    unsigned long long effective = status_number("CapEff:", 16);
    char missing[96] = "";
    size_t length = 0;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!(effective & CAP_BIT(needed[i].number)))
            length += (size_t)snprintf(
                missing + length, sizeof(missing) - length, " CAP_%s", needed[i].name);
    if (length == 0) {
        found(f, FINE, "root: every session has ids of its own, and the server no rights");
        return;
    }
    found(f, FATAL, "root without%s, as in a container", missing);
    costs(f, NOTHING_RUNS,
        "start the container with --cap-add SYS_ADMIN" AND_THE_REST
        "; or Cloche there as an ordinary user");
}

static void check_root(struct finding *f)
{
    int everything = identity_maps_everything();
    if (everything < 0) {
        found(f, FATAL, "which ids there are cannot be read from /proc/self/uid_map: %s",
            strerror(-everything));
        costs(f, NOTHING_RUNS, "mount -t proc proc /proc");
    } else if (everything == 0) {
        found(f, FATAL,
            "root of a user namespace that has only some of the machine's ids, as in a rootless container");
        costs(f,
            "the server, grounds and sessions have no ids to be kept apart by, so Cloche does not start",
            "start Cloche as an ordinary user: in that container by --user 1000" AND_THE_REST
            ", or outside of it; or as root of the machine");
    } else {
        check_capabilities(f);
    }
}

void check_user(struct finding *f)
{
    uint32_t first, count;
    if (geteuid() == 0) {
        check_root(f);
    } else if (identity_subordinate(&first, &count) == 0) {
        found(f, LOSS,
            "an ordinary user with %u ids from /etc/subuid: sessions have ids of their own", count);
        costs(f, NO_CGROUPS, "start Cloche as root");
    } else {
        found(f, LOSS, "an ordinary user with one id, which the server and all sessions share");
        costs(f,
            landlock_abi() >= LANDLOCK_ABI_SCOPES
                ? "between sessions stand namespaces and Landlock's scopes, not ids as well" ONE_ID
                : "between sessions stand namespaces, not ids as well" ONE_ID,
            "a range of ids for some of it: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER` as "
            "root, and apt-get install uidmap; start Cloche as root for all of it");
    }
}

/* ---- user namespaces ----------------------------------------------------------------------------------- */

void check_user_namespaces(struct finding *f)
{
    struct probe_result r;
    bool root = geteuid() == 0;
    probe_run(probe_named("a ground's namespaces"), &r);
    if (r.status == 0) {
        found(f, FINE, "they can be made, and who makes one has its rights");
        return;
    }
    const char *seen = r.detail[0] ? r.detail : strerror(-r.status);
    if (number_in("/proc/sys/user/max_user_namespaces") == 0) {
        found(f, FATAL, "none may be made: user.max_user_namespaces is 0");
        costs(f, NOTHING_RUNS, "as root: sysctl user.max_user_namespaces=100000");
    } else if (!root && number_in("/proc/sys/kernel/unprivileged_userns_clone") == 0) {
        found(f, FATAL, "forbidden to ordinary users: kernel.unprivileged_userns_clone is 0");
        costs(f, NOTHING_RUNS,
            "as root: sysctl kernel.unprivileged_userns_clone=1; or start Cloche as root");
    } else if (!root && number_in("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1) {
        found(
            f, FATAL, "AppArmor takes their rights from ordinary users, as Ubuntu does: %s", seen);
        costs(f, NOTHING_RUNS,
            "start Cloche as root; or give cloche and cloche-supervisor an AppArmor profile with `userns,`; or, for every "
            "program of this machine, as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0");
    } else if (r.status == -EACCES) {
        found(f, FATAL, "a security module refuses them, as in a container: %s", seen);
        costs(f, NOTHING_RUNS,
            "start the container with --security-opt apparmor=unconfined, or label=disable for SELinux," AND_THE_REST);
    } else if (status_number("Seccomp:", 10) == 2) {
        found(f, FATAL, "a filter of system calls is in force, as in a container: %s", seen);
        costs(f, NOTHING_RUNS,
            "start the container with --security-opt seccomp=unconfined" AND_THE_REST);
    } else {
        found(f, FATAL, "refused, as in a chroot: %s", seen);
        costs(f, NOTHING_RUNS, "start Cloche outside of what refuses it");
    }
}

/* ---- /proc --------------------------------------------------------------------------------------------- */

/* The first cover over a part of /proc. What is mounted below /proc/sys/fs is made for that and covers nothing. */
static bool proc_cover(char *to, size_t size)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char line[4096], path[1024];
    bool covered = false;
    while (!covered && mounts != NULL && fgets(line, sizeof(line), mounts) != NULL)
        if (sscanf(line, "%*s %*s %*s %*s %1023s", path) == 1 && strncmp(path, "/proc/", 6) == 0 &&
            strncmp(path, "/proc/sys/fs/", 13) != 0) {
            snprintf(to, size, "%.*s", (int)size - 1, path);
            covered = true;
        }
    if (mounts != NULL)
        fclose(mounts);
    return covered;
}

/* Whoever mounts a /proc anew sees what a cover hides, so Linux refuses it in a user namespace. */
void check_proc(struct finding *f)
{
    struct probe_result r;
    char cover[128];
    probe_run(probe_named("a ground's /proc"), &r);
    if (r.status == 0) {
        found(f, FINE, "it can be mounted: sessions see their own processes only");
        return;
    }
    const char *seen = r.detail[0] ? r.detail : strerror(-r.status);
    if (proc_cover(cover, sizeof(cover)))
        found(f, FATAL,
            "%s is covered, as in a container, so Linux lets nobody mount /proc anew: %s", cover,
            seen);
    else
        found(f, FATAL, "refused: %s", seen);
    costs(f, NOTHING_RUNS,
        "start the container with --security-opt systempaths=unconfined (podman: --security-opt unmask=ALL)" AND_THE_REST);
}
