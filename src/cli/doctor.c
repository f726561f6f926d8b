/* doctor.c - `cloche doctor`: what this machine offers, what is in force, and what is lost without it.
 *
 * Three tables: the host (doctor_host.c), what Cloche itself is made of (below), and the facts about kernel and host that
 * sandbox/probe.h finds out by trying. Each row says a sentence and changes nothing. With --sweep,
 * empty cgroup directories of supervisors that were killed are removed first. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/listen.h"
#include "cli/paths.h"
#include "env/environment.h"
#include "sandbox/cgroup.h"
#include "sandbox/probe.h"

static const char help[] =
    "usage: cloche doctor [--json] [--sweep] [--environments DIR]\n\n"
    "Says what of this machine Cloche can use, what is in force, and what is lost where something is\n"
    "missing. Changes nothing, but with --sweep.\n\n"
    "  --json              print one JSON object\n"
    "  --sweep             first remove empty cgroup directories that a killed server left behind\n"
    "  --environments DIR  where environments are (CLOCHE_ENVIRONMENTS)\n\n"
    "exit codes: 0 Cloche works here (perhaps with losses), 1 something it cannot do without is missing,\n"
    "2 wrong usage\n";

enum { OPTION_JSON = COMMAND_LONG, OPTION_SWEEP, OPTION_ENVIRONMENTS };

static const char *const verdict_names[] = {"ok", "absent", "loss", "missing"};

struct doctor {
    const char *environments;
    bool json, fatal;
    unsigned losses, swept;
    struct strbuf out;
    struct json_writer w;
};

/* ---- checks -------------------------------------------------------------------------------------------- */

static void check_programs(const struct doctor *d, struct finding *f)
{
    (void)d;
    struct programs p;
    struct error e = {0};
    if (programs_find(&p, &e) < 0) {
        found(f, FATAL, "%s", e.message);
        return;
    }
    found(f, FINE, "supervisor, warden, init and kernel library are there (%s)", p.library);
    programs_deinit(&p);
}

static void check_python(const struct doctor *d, struct finding *f)
{
    (void)d;
    struct stat st;
    if (access("/usr/bin/python3", X_OK) < 0)
        found(f, FATAL, "/usr/bin/python3 is missing: apt-get install python3");
    else if (stat("/usr/lib/python3/dist-packages/IPython", &st) < 0)
        found(f, LOSS,
            "IPython is missing, so sessions in base lack its magics: apt-get install python3-ipython");
    else
        found(f, FINE, "/usr/bin/python3 and IPython are there: the environment base works");
}

static void check_environments(const struct doctor *d, struct finding *f)
{
    struct error e = {0};
    cleanup_free char *path =
        d->environments != NULL ? strdup(d->environments) : paths_environments(&e);
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
    if (!built)
        found(f, LOSS, "%s is not built: `cloche env build %s`", ENVIRONMENT_DEFAULT,
            ENVIRONMENT_DEFAULT);
}

static void check_memory(const struct doctor *d, struct finding *f)
{
    (void)d;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    found(f, FINE, "%ld MiB; all sessions together may use nine tenths (--memory-total)",
        pages / 1024 * page / 1024);
}

static void check_port(const struct doctor *d, struct finding *f)
{
    (void)d;
    struct listen_address a[LISTEN_ADDRESSES];
    int one = 1;
    listen_parse("127.0.0.1:8000", a, NULL);
    cleanup_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&a[0].address, a[0].length) == 0)
        found(f, FINE, "127.0.0.1:8000 is free");
    else
        found(f, LOSS,
            "127.0.0.1:8000 is taken (a server that runs already?); --listen names another address");
}

static const struct {
    const char *name, *for_what;
    void (*look)(struct finding *f);
} host_checks[] = {
    {"kernel", "all of this", check_kernel},
    {"user", "what sessions share, and what is limited", check_user},
    {"user namespaces allowed", "every sandbox", check_user_namespaces},
    {"virtual machine", "a wall that is not this kernel's", check_virtual_machine},
    {"hardening", "a hole in the kernel that is harder to use", check_hardening},
    {"swap", "where memory may end up", check_swap},
};

static const struct {
    const char *name, *for_what;
    void (*look)(const struct doctor *d, struct finding *f);
} checks[] = {
    {"programs", "the parts of Cloche itself", check_programs},
    {"python", "the interpreter of the environment base", check_python},
    {"environments", "packages beyond Python's own", check_environments},
    {"memory", "how many sessions fit", check_memory},
    {"port", "the default address of serve", check_port},
};

/* ---- report ---------------------------------------------------------------------------------------------- */

static void report(
    struct doctor *d, const char *name, const char *for_what, const struct finding *f)
{
    d->fatal |= f->verdict == FATAL;
    d->losses += f->verdict == LOSS;
    if (!d->json) {
        printf("%-8s %-28s %s\n", verdict_names[f->verdict], name, f->text[0] ? f->text : for_what);
        fflush(stdout);
        return;
    }
    jw_begin_object(&d->w);
    jw_field_string(&d->w, "name", name);
    jw_field_string(&d->w, "for", for_what);
    jw_field_string(&d->w, "verdict", verdict_names[f->verdict]);
    jw_field_string(&d->w, "detail", f->text);
    jw_end(&d->w);
}

/* What a probe found, with what is lost where it found nothing. */
static void probe_report(struct doctor *d, const struct probe *p)
{
    struct probe_result r = {0};
    struct finding f = {0};
    probe_run(p, &r);
    const char *why = r.detail[0]    ? r.detail
                      : r.status < 0 ? strerror(-r.status)
                                     : "not on this host";
    if (r.status == 0)
        found(&f, FINE, "%s", r.detail);
    else if (probe_required(p))
        found(&f, FATAL, "%s (for: %s)", why, p->use);
    else
        found(&f, r.status == PROBE_ABSENT ? ABSENT : LOSS, "%s%s%s", why, p->lost[0] ? "; " : "",
            p->lost);
    report(d, p->name, p->use, &f);
}

static void swept(const char *path, void *user)
{
    struct doctor *d = user;
    d->swept++;
    if (!d->json)
        printf("removed  %s\n", path);
}

static int parse(int argc, char **argv, struct doctor *d, bool *ret_sweep)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, OPTION_JSON},
        {"sweep", no_argument, NULL, OPTION_SWEEP},
        {"environments", required_argument, NULL, OPTION_ENVIRONMENTS},
        {0},
    };
    int option;
    while ((option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_JSON: d->json = true; break;
        case OPTION_SWEEP: *ret_sweep = true; break;
        case OPTION_ENVIRONMENTS: d->environments = optarg; break;
        case 'h': fputs(help, stdout); return -1;
        default: return EXIT_USAGE;
        }
    }
    return optind < argc
               ? command_fail("doctor", EXIT_USAGE, "\"%s\" is one word too many.", argv[optind])
               : 0;
}

static void end(struct doctor *d)
{
    if (!d->json) {
        printf("\n%s\n", d->fatal        ? "Cloche cannot work here until what is missing is there."
                         : d->losses > 0 ? "Cloche works here, with the losses named above."
                                         : "Cloche works here without losses.");
        return;
    }
    jw_end(&d->w);
    jw_field_bool(&d->w, "works", !d->fatal);
    jw_field_uint(&d->w, "losses", d->losses);
    jw_field_uint(&d->w, "swept", d->swept);
    jw_end(&d->w);
    printf("%s\n", strbuf_text(&d->out));
    strbuf_deinit(&d->out);
}

int command_doctor(int argc, char **argv)
{
    struct doctor d = {.environments = getenv("CLOCHE_ENVIRONMENTS"), .out = STRBUF_INIT(1 << 20)};
    bool sweep = false;
    int r = parse(argc, argv, &d, &sweep);
    if (r != 0)
        return r < 0 ? 0 : r;
    d.w = JSON_WRITER(&d.out);
    if (sweep)
        cgroup_sweep(swept, &d);
    if (d.json) {
        jw_begin_object(&d.w);
        jw_field_string(&d.w, "version", CLOCHE_VERSION);
        jw_field_array(&d.w, "checks");
    }
    for (size_t i = 0; i < sizeof(host_checks) / sizeof(host_checks[0]); i++) {
        struct finding f = {0};
        host_checks[i].look(&f);
        report(&d, host_checks[i].name, host_checks[i].for_what, &f);
    }
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct finding f = {0};
        checks[i].look(&d, &f);
        report(&d, checks[i].name, checks[i].for_what, &f);
    }
    size_t probes;
    const struct probe *table = probe_table(&probes);
    for (size_t i = 0; i < probes; i++)
        probe_report(&d, &table[i]);
    end(&d);
    return fflush(stdout) == 0 && !d.fatal ? 0 : EXIT_FAILED;
}
