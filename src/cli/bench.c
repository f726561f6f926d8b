#include "cli/bench.h"

#include <errno.h>
#include <math.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/own_server.h"

static const char help_head[] =
    "usage: cloche bench [FLAG]...\n\n"
    "Measures Cloche over HTTP: a server of its own on a free port of this machine, or --url.\n\n"
    "  --url URL           a server that runs already (http://HOST:PORT or unix:PATH; key from\n"
    "                      CLOCHE_API_KEY); rows that need a server of their own kind are left out\n"
    "  --seconds S         how long each measurement takes. Default: 5\n"
    "  --clients N         stateless rows: only with so many clients. Default: 1, 2, 8 and 64\n"
    "  --sessions N        live sessions of the memory row. Default: 500\n"
    "  --many N            the last step of the row `many`. Default: 2000\n"
    "  --rows A,B          only these rows\n"
    "  --environments DIR  where environments are (CLOCHE_ENVIRONMENTS)\n"
    "  --json              print one JSON object\n\n"
    "rows:\n";
static const char help_tail[] = "\nexit codes: 0 measured, 1 a row failed, 2 wrong usage\n";

enum {
    OPTION_URL = COMMAND_LONG,
    OPTION_SECONDS,
    OPTION_CLIENTS,
    OPTION_SESSIONS,
    OPTION_MANY,
    OPTION_ROWS,
    OPTION_ENVIRONMENTS,
    OPTION_JSON
};

static const struct option longs[] = {
    {"url", required_argument, NULL, OPTION_URL},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"clients", required_argument, NULL, OPTION_CLIENTS},
    {"sessions", required_argument, NULL, OPTION_SESSIONS},
    {"many", required_argument, NULL, OPTION_MANY},
    {"rows", required_argument, NULL, OPTION_ROWS},
    {"environments", required_argument, NULL, OPTION_ENVIRONMENTS},
    {"json", no_argument, NULL, OPTION_JSON},
    {0},
};

/* ---- samples and results --------------------------------------------------------------------------- */

void samples_add(struct samples *s, double ms)
{
    if (s->n == s->room) {
        size_t room = s->room > 0 ? s->room * 2 : 1024;
        float *more = s->n < BENCH_SAMPLES_MAX ? reallocarray(s->ms, room, sizeof(*more)) : NULL;
        if (more == NULL)
            return;
        s->ms = more;
        s->room = room;
    }
    s->ms[s->n++] = (float)ms;
}

void samples_append(struct samples *s, const struct samples *more)
{
    for (size_t i = 0; i < more->n; i++)
        samples_add(s, more->ms[i]);
}

void samples_free(struct samples *s)
{
    free(s->ms);
    *s = (struct samples){0};
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct samples *s, double share)
{
    return s->n > 0 ? (double)s->ms[(size_t)(share * (double)(s->n - 1) + 0.5)] : NAN;
}

static struct bench_result *result_new(
    struct bench *b, const char *row, const char *what, const char *unit)
{
    static struct bench_result surplus;
    struct bench_result *r = b->results < BENCH_RESULTS_MAX ? &b->result[b->results++] : &surplus;
    *r = (struct bench_result){.clients = 1};
    snprintf(r->row, sizeof(r->row), "%s", row);
    snprintf(r->what, sizeof(r->what), "%s", what);
    snprintf(r->unit, sizeof(r->unit), "%s", unit);
    return r;
}

void bench_result_add(struct bench *b, const char *row, const char *what, unsigned clients,
    struct samples *s, double seconds)
{
    struct bench_result *r = result_new(b, row, what, "ms");
    qsort(s->ms, s->n, sizeof(*s->ms), by_size);
    r->clients = clients;
    r->n = s->n;
    r->p50 = percentile(s, 0.5);
    r->p90 = percentile(s, 0.9);
    r->p99 = percentile(s, 0.99);
    r->per_second = seconds > 0 ? (double)s->n / seconds : 0;
}

void bench_number_add(
    struct bench *b, const char *row, const char *what, const char *unit, size_t n, double value)
{
    struct bench_result *r = result_new(b, row, what, unit);
    r->n = n;
    r->p50 = r->p90 = r->p99 = value;
}

/* ---- printing ----------------------------------------------------------------------------------------- */

static void print_result(const struct bench_result *r)
{
    char rate[32] = "";
    if (r->per_second > 0)
        snprintf(rate, sizeof(rate), "%.0f", r->per_second);
    printf("%-50s %7u %8zu %9.3f %9.3f %9.3f %-3s %8s\n", r->what, r->clients, r->n, r->p50, r->p90,
        r->p99, r->unit, rate);
    fflush(stdout);
}

static void print_json(const struct bench *b)
{
    struct strbuf text = STRBUF_INIT(4 << 20);
    struct json_writer w = JSON_WRITER(&text);
    struct utsname name = {0};
    uname(&name);
    jw_begin_object(&w);
    jw_field_string(&w, "version", CLOCHE_VERSION);
    jw_field_string(&w, "kernel", name.release);
    jw_field_int(&w, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
    jw_field_int(&w, "memory_bytes", (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    jw_field_uint(&w, "failed_rows", b->failures);
    jw_field_array(&w, "rows");
    for (size_t i = 0; i < b->results; i++) {
        const struct bench_result *r = &b->result[i];
        jw_begin_object(&w);
        jw_field_string(&w, "row", r->row);
        jw_field_string(&w, "what", r->what);
        jw_field_string(&w, "unit", r->unit);
        jw_field_uint(&w, "clients", r->clients);
        jw_field_uint(&w, "n", r->n);
        jw_field_double(&w, "p50", r->p50);
        jw_field_double(&w, "p90", r->p90);
        jw_field_double(&w, "p99", r->p99);
        if (r->per_second > 0)
            jw_field_double(&w, "per_second", r->per_second);
        else
            jw_field_null(&w, "per_second");
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    printf("%s\n", strbuf_text(&text));
    strbuf_deinit(&text);
}

/* ---- rows ------------------------------------------------------------------------------------------------ */

static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at != NULL && *at != '\0';
         at += strcspn(at, ",") + (strchr(at, ',') != NULL))
        if (strcspn(at, ",") == length && strncmp(at, name, length) == 0)
            return true;
    return false;
}

static int rows_check(const char *list)
{
    const char *names[16];
    for (size_t i = 0; i < bench_rows_count; i++)
        names[i] = bench_rows[i].name;
    for (const char *at = list; at != NULL && *at != '\0';
         at += strcspn(at, ",") + (strchr(at, ',') != NULL)) {
        char word[64];
        bool known = false;
        snprintf(word, sizeof(word), "%.*s", (int)strcspn(at, ","), at);
        for (size_t i = 0; i < bench_rows_count; i++)
            known |= strcmp(word, names[i]) == 0;
        const char *near = known ? NULL : nearest_word(word, names, bench_rows_count);
        if (!known)
            return command_fail("bench", EXIT_USAGE, "--rows: there is no row \"%s\"%s%s%s", word,
                near ? "; did you mean \"" : ".", near ? near : "", near ? "\"?" : "");
    }
    return 0;
}

static int server_start(
    const struct bench *b, const char *const *row_flags, struct own_server *ret, struct error *e)
{
    const char *flags[16] = {"--max-sessions", "100000"};
    size_t n = 2;
    for (; row_flags && *row_flags && n < 15; row_flags++)
        flags[n++] = *row_flags;
    struct own_server_spec spec = {.environments = b->environments, .flags = flags};
    return own_server_start(&spec, ret, e);
}

static void measure(struct bench *b, const struct bench_row *row)
{
    struct error e = {0};
    struct own_server own = {0};
    size_t before = b->results;
    int r = b->url != NULL ? 0 : server_start(b, row->flags, &own, &e);
    if (!b->json && isatty(STDERR_FILENO))
        fprintf(stderr, "measuring %s …\n", row->name);
    if (r == 0)
        r = row->measure(b, b->url != NULL ? b->url : own.url, &e);
    if (own.pid > 0)
        own_server_stop(&own);
    for (size_t i = before; i < b->results && !b->json; i++)
        print_result(&b->result[i]);
    if (r < 0) {
        b->failures++;
        command_fail("bench", 0, "%s: %s", row->name, e.message[0] ? e.message : strerror(-r));
    }
}

static int number(
    const char *flag, const char *text, long long minimum, long long maximum, unsigned *ret)
{
    long long value;
    if (command_number(text, minimum, maximum, &value) < 0)
        return command_fail("bench", EXIT_USAGE, "--%s: \"%s\" is no number from %lld to %lld.",
            flag, text, minimum, maximum);
    *ret = (unsigned)value;
    return 0;
}

static int parse(int argc, char **argv, struct bench *b)
{
    int option, r = 0;
    unsigned seconds = 5;
    while (r == 0 && (option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_URL: b->url = optarg; break;
        case OPTION_SECONDS: r = number("seconds", optarg, 1, 3600, &seconds); break;
        case OPTION_CLIENTS:
            r = number("clients", optarg, 1, BENCH_CLIENTS_MAX, &b->clients);
            break;
        case OPTION_SESSIONS: r = number("sessions", optarg, 1, 100000, &b->sessions); break;
        case OPTION_MANY: r = number("many", optarg, 10, 100000, &b->many); break;
        case OPTION_ROWS: b->rows = optarg; break;
        case OPTION_ENVIRONMENTS: b->environments = optarg; break;
        case OPTION_JSON: b->json = true; break;
        case 'h':
            fputs(help_head, stdout);
            for (size_t i = 0; i < bench_rows_count; i++)
                printf("  %-18s  %s\n", bench_rows[i].name, bench_rows[i].help);
            fputs(help_tail, stdout);
            return -1;
        default: return EXIT_USAGE;
        }
    }
    b->seconds = seconds;
    if (r == 0 && optind < argc)
        r = command_fail("bench", EXIT_USAGE, "\"%s\" is one word too many.", argv[optind]);
    return r != 0 ? r : rows_check(b->rows);
}

int command_bench(int argc, char **argv)
{
    static struct bench b;
    b = (struct bench){.sessions = 500,
        .many = 2000,
        .key = getenv("CLOCHE_API_KEY"),
        .environments = getenv("CLOCHE_ENVIRONMENTS")};
    int r = parse(argc, argv, &b);
    if (r != 0)
        return r < 0 ? 0 : r;
    if (!b.json)
        printf("%-50s %7s %8s %9s %9s %9s %-3s %8s\n", "", "clients", "n", "p50", "p90", "p99", "",
            "a second");
    for (size_t i = 0; i < bench_rows_count; i++)
        if ((b.rows == NULL || listed(b.rows, bench_rows[i].name)) &&
            (b.url == NULL || bench_rows[i].flags == NULL))
            measure(&b, &bench_rows[i]);
    if (b.json)
        print_json(&b);
    return b.failures > 0 ? EXIT_FAILED : 0;
}
