/* doctor_parts.c - what Cloche itself is made of and takes of this machine, as `cloche doctor` sees it: its
 * programs, an interpreter, environments, memory, a port. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/doctor.h"
#include "cli/listen.h"
#include "cli/paths.h"
#include "env/environment.h"

void check_programs(struct finding *f)
{
    struct programs p;
    struct error e = {0};
    if (programs_find(&p, &e) < 0) {
        found(f, FATAL, "%s", e.message);
        costs(f, "nothing runs", "install Cloche anew, or build it whole: make build");
        return;
    }
    found(f, FINE, "supervisor, warden, init and kernel library are there (%s)", p.library);
    programs_deinit(&p);
}

void check_python(struct finding *f)
{
    struct stat st;
    if (access("/usr/bin/python3", X_OK) < 0) {
        found(f, FATAL, "/usr/bin/python3 is missing");
        costs(f, "there is nothing to run code with", "apt-get install python3");
    } else if (stat("/usr/lib/python3/dist-packages/IPython", &st) < 0) {
        found(f, LOSS, "IPython is missing");
        costs(f, "sessions in base lack its magics", "apt-get install python3-ipython");
    } else
        found(f, FINE, "/usr/bin/python3 and IPython are there: the environment base works");
}

void check_environments(struct finding *f)
{
    const char *named = getenv("CLOCHE_ENVIRONMENTS");
    struct error e = {0};
    cleanup_free char *path = named != NULL ? strdup(named) : paths_environments(&e);
    cleanup_fd int dir = path == NULL ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct environment *list = NULL;
    size_t n = 0, length;
    bool built = false;
    if (environment_list(dir, &list, &n) < 0)
        n = 0;
    found(f, FINE, "in %.120s:", path != NULL ? path : "no directory");
    for (size_t i = 0; i < n; i++) {
        length = strlen(f->text);
        snprintf(f->text + length, sizeof(f->text) - length, " %s", list[i].name);
        built |= strcmp(list[i].name, ENVIRONMENT_DEFAULT) == 0;
    }
    environment_list_free(list, n);
    if (!built) {
        found(f, LOSS, "%s is not built", ENVIRONMENT_DEFAULT);
        costs(f, "sessions have Python's own modules only, unless they name another environment",
            "cloche env build " ENVIRONMENT_DEFAULT);
    }
}

void check_memory(struct finding *f)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    found(f, FINE, "%ld MiB; \"limit over all sessions\" says what they may use of it",
        pages / 1024 * page / 1024);
}

void check_port(struct finding *f)
{
    struct listen_address a[LISTEN_ADDRESSES];
    int one = 1;
    listen_parse("127.0.0.1:8000", a, NULL);
    cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&a[0].address, a[0].length) == 0)
        found(f, FINE, "127.0.0.1:8000 is free");
    else {
        found(f, LOSS, "127.0.0.1:8000 is taken (a server that runs already?)");
        costs(
            f, "serve does not start without a word about where", "--listen names another address");
    }
}
