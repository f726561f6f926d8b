#include "cli/plan_build.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/commands.h"
#include "cli/paths.h"
#include "cli/state.h"

struct plan *plan_new(void)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL)
        return NULL;
    plan->magic = PLAN_MAGIC;
    plan->size = sizeof(*plan);
    if (geteuid() == 0) {
        uid_t uid;
        gid_t gid;
        state_server_identity(&uid, &gid);
        plan->server_uid = uid;
        plan->server_gid = gid;
    }
    return plan;
}

int plan_argument(struct plan *plan, const char *word)
{
    size_t used = 0, length = strlen(word) + 1;
    for (uint32_t i = 0; i < plan->n_args; i++)
        used += strlen(plan->args + used) + 1;
    if (length > sizeof(plan->args) - used)
        return -E2BIG;
    memcpy(plan->args + used, word, length);
    plan->n_args++;
    return 0;
}

static int path_copy(char to[1024], const char *from)
{
    return snprintf(to, 1024, "%s", from) < 1024 ? 0 : -ENAMETOOLONG;
}

int plan_programs(struct plan *plan, const char *command)
{
    struct error e = {0};
    struct programs p;
    if (programs_find(&p, &e) < 0)
        return command_fail(command, EXIT_FAILED, "%s", e.message);
    int r = path_copy(plan->server_path, p.cloche);
    if (r == 0)
        r = path_copy(plan->warden_path, p.warden);
    if (r == 0)
        r = path_copy(plan->init_path, p.init);
    if (r == 0)
        r = path_copy(plan->library_path, p.library);
    programs_deinit(&p);
    return r < 0 ? command_fail(command, EXIT_FAILED, "The path of Cloche's programs is too long.")
                 : 0;
}

static int failed(const char *command, const char *what)
{
    return command_fail(command, EXIT_FAILED, "Cannot %s: %s.", what, strerror(errno));
}

int plan_exec(const struct plan *plan, const char *command)
{
    struct error e = {0};
    struct programs p;
    if (programs_find(&p, &e) < 0)
        return command_fail(command, EXIT_FAILED, "%s", e.message);
    int memory = memfd_create("cloche-plan", MFD_CLOEXEC);
    if (memory < 0 || fd_write_all(memory, plan, sizeof(*plan)) < 0 ||
        lseek(memory, 0, SEEK_SET) < 0)
        return failed(command, "write the plan");
    if (memory == PLAN_FD ? fcntl(memory, F_SETFD, 0) < 0 : dup2(memory, PLAN_FD) < 0)
        return failed(command, "place the plan");
    unsigned first = plan->keep_last != 0 ? plan->keep_first : ~0U, last = plan->keep_last;
    if (first > PLAN_FD + 1)
        close_range(PLAN_FD + 1, first - 1, 0);
    if (last != 0)
        close_range(last + 1, ~0U, 0);
    char *const argv[] = {"cloche-supervisor", NULL};
    execv(p.supervisor, argv);
    return failed(command, "start cloche-supervisor");
}
