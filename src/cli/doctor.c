/* doctor.c - `cloche doctor`: what this machine offers, what is in force, and what is lost without it.
 *
 * Two tables: the host (doctor_host.c, doctor_rights.c) with what Cloche itself is made of (doctor_parts.c),
 * and the facts about kernel and host that sandbox/probe.h finds out by trying. Each row says what is there,
 * what is lost and how to get it, and changes nothing. Where the host refuses Cloche its rights, that one row
 * says so, and what hangs on them is not tried: it could only fail by the same cause in other words. With
 * --sweep, empty cgroup directories of supervisors that were killed are removed first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/doctor.h"
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

static const char *const verdict_names[] = {"ok", "absent", "loss", "missing", "untried"};

struct doctor {
    bool json, fatal;
    const char *refused_by; /* the right that is FATAL, or NULL */
    unsigned losses, swept, untried;
    struct strbuf out;
    struct json_writer w;
};

/* ---- the tables ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *for_what;
    void (*look)(struct finding *f);
    bool rights; /* one of those that hang on each other */
} checks[] = {
    {"kernel", "all of this", check_kernel, false},
    {"user", "what sessions share, and what is limited", check_user, true},
    {"user namespaces allowed", "every sandbox", check_user_namespaces, true},
    {"/proc in a sandbox", "every sandbox", check_proc, true},
    {"virtual machine", "a wall that is not this kernel's", check_virtual_machine, false},
    {"hardening", "a hole in the kernel that is harder to use", check_hardening, false},
    {"swap", "where memory may end up", check_swap, false},
    {"programs", "the parts of Cloche itself", check_programs, false},
    {"python", "the interpreter of the environment base", check_python, false},
    {"environments", "packages beyond Python's own", check_environments, false},
    {"memory", "how many sessions fit", check_memory, false},
    {"port", "the default address of serve", check_port, false},
};

/* ---- report ---------------------------------------------------------------------------------------------- */

static void report_text(const char *name, const char *for_what, const struct finding *f)
{
    printf("%-8s %-28s %s", verdict_names[f->verdict], name, f->text[0] ? f->text : for_what);
    if (f->lost[0])
        printf("; lost: %s", f->lost);
    if (f->how[0])
        printf("; to get it: %s", f->how);
    printf("\n");
    fflush(stdout);
}

static void report(
    struct doctor *d, const char *name, const char *for_what, const struct finding *f)
{
    d->fatal |= f->verdict == FATAL;
    d->losses += f->verdict == LOSS;
    d->untried += f->verdict == UNTRIED;
    if (!d->json) {
        if (f->verdict != UNTRIED) /* one line tells of them all */
            report_text(name, for_what, f);
        return;
    }
    jw_begin_object(&d->w);
    jw_field_string(&d->w, "name", name);
    jw_field_string(&d->w, "for", for_what);
    jw_field_string(&d->w, "verdict", verdict_names[f->verdict]);
    jw_field_string(&d->w, "detail", f->text);
    jw_field_string(&d->w, "lost", f->lost);
    jw_field_string(&d->w, "how", f->how);
    jw_end(&d->w);
}

static void untried(const struct doctor *d, struct finding *f)
{
    found(f, UNTRIED, "not tried, because of \"%s\"", d->refused_by);
}

static void checks_report(struct doctor *d)
{
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        struct finding f = {0};
        if (checks[i].rights && d->refused_by != NULL)
            untried(d, &f);
        else
            checks[i].look(&f);
        report(d, checks[i].name, checks[i].for_what, &f);
        if (checks[i].rights && f.verdict == FATAL)
            d->refused_by = checks[i].name;
    }
}

/* What a probe found, with what is lost where it found nothing. */
static void probe_look(const struct probe *p, struct finding *f)
{
    static const char elsewhere[] = "Linux 6.1 or later, and no container that refuses it";
    struct probe_result r = {0};
    probe_run(p, &r);
    const char *why = r.detail[0]    ? r.detail
                      : r.status < 0 ? strerror(-r.status)
                                     : "not on this host";
    if (r.status == 0) {
        found(f, FINE, "%s", r.detail);
    } else if (probe_required(p)) {
        found(f, FATAL, "%s", why);
        costs(f, p->use, p->how != NULL ? p->how : elsewhere);
    } else {
        bool nothing_lost = r.status == PROBE_ABSENT || p->lost[0] == '\0';
        found(f, nothing_lost ? ABSENT : LOSS, "%s", why);
        if (!nothing_lost)
            costs(f, p->lost, p->how != NULL ? p->how : elsewhere);
    }
}

static void probes_report(struct doctor *d)
{
    size_t probes;
    const struct probe *table = probe_table(&probes);
    for (size_t i = 0; i < probes; i++) {
        struct finding f = {0};
        if (d->refused_by != NULL)
            untried(d, &f);
        else
            probe_look(&table[i], &f);
        report(d, table[i].name, table[i].use, &f);
    }
    if (!d->json && d->untried > 0)
        printf("%-8s %-28s %u more facts hang on \"%s\"\n", verdict_names[UNTRIED], "the rest",
            d->untried, d->refused_by);
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
        case OPTION_ENVIRONMENTS: setenv("CLOCHE_ENVIRONMENTS", optarg, 1); break;
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
    struct doctor d = {.out = STRBUF_INIT(1 << 20)};
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
    checks_report(&d);
    probes_report(&d);
    end(&d);
    return fflush(stdout) == 0 && !d.fatal ? 0 : EXIT_FAILED;
}
