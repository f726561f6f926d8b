#include "cli/attack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/commands.h"
#include "cli/own_server.h"

static const char help[] =
    "usage: cloche attack [--url URL] [--only WORD] [--lanes N] [--json] [--list]\n\n"
    "Attacks a server with everything in attacks/ and says what held: a server of its own on a free port\n"
    "of this machine, or --url. Each attack is a small program to be read; every one has been seen to\n"
    "succeed where nothing holds it back.\n\n"
    "  --url URL           a server that runs already (http(s)://HOST:PORT or unix:PATH). Attacks between\n"
    "                      tenants take keys of two projects, in CLOCHE_API_KEY and CLOCHE_OTHER_API_KEY.\n"
    "                      It is yours? It will be busy, and must have room for a dozen sessions\n"
    "  --only WORD         only attacks with the word in their group/name\n"
    "  --lanes N           how many at a time. Default: 4\n"
    "  --environments DIR  where environments are, for a server of its own (CLOCHE_ENVIRONMENTS)\n"
    "  --list              say which attacks there are, and attack nobody\n"
    "  --json              print one JSON object\n\n"
    "What is BROKEN could not be tried, or ran out of time, twice: the second time alone, at the end.\n\n"
    "exit codes: 0 all that apply here were contained, 1 one was not or is broken, or none applies here,\n"
    "2 wrong usage, 3 all but those that this host is known to leave open, which are named: an ordinary\n"
    "user has no cgroups\n";

enum {
    OPTION_URL = COMMAND_LONG,
    OPTION_ONLY,
    OPTION_LANES,
    OPTION_ENVIRONMENTS,
    OPTION_LIST,
    OPTION_JSON,
    LANES_MAX = 16,
    REQUEST_TIMEOUT_S = 240,
    AGAIN_MAX = 16, /* more that are broken are no accident of a busy machine */
    EXIT_OPEN = 3,  /* what succeeded is what this host is known to lack the walls for */
};

struct attacking {
    const char *url, *key, *other_key, *only, *environments;
    bool json, list_only;
    unsigned lanes;
    struct attack_list list;
    struct attack_hints hints;
    struct own_server own;
    char own_keys[2][256];
    char lacks[24];
    pthread_mutex_t lock;
    size_t next; /* the first that no lane has taken */
};

/* ---- keys of a server of one's own ------------------------------------------------------------------------ */

/* `cloche key create` as anybody would: it becomes the owner of the state first. */
static int key_make(struct attacking *k, const char *name, char ret[256], struct error *e)
{
    char state[96], self[4096];
    int out[2], status = 0;
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0 || pipe2(out, O_CLOEXEC) < 0)
        return error_set(e, ERROR_INTERNAL, errno, "Making a key failed.");
    self[length] = '\0';
    snprintf(state, sizeof(state), "%s/state", k->own.directory);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (null < 0 || dup2(out[1], 1) < 0 || dup2(null, 2) < 0)
            _exit(127);
        execl(self, "cloche", "key", "create", "--name", name, "--state", state, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n<255; n += got> 0 ? (size_t)got : 0)
        got = read(out[0], ret + n, 255 - n);
    close(out[0]);
    ret[n] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    bool made = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && ret[0];
    return made ? 0 : error_set(e, ERROR_INTERNAL, EPROTO, "`cloche key create` failed.");
}

static int server_prepare(struct attacking *k, struct error *e)
{
    static const char *const flags[] = {"--log-level", "error", "--max-sessions", "200", NULL};
    char secret[96];
    struct own_server_spec spec = {
        .environments = k->environments, .any_environment = true, .flags = flags};
    if (k->url != NULL)
        return 0;
    snprintf(secret, sizeof(secret), "%s%s", k->hints.secret[0], k->hints.secret[1]);
    setenv("CLOCHE_ATTACK_SECRET", secret, 1);
    int r = own_server_start(&spec, &k->own, e);
    unsetenv("CLOCHE_ATTACK_SECRET");
    if (r == 0)
        r = key_make(k, "attacker", k->own_keys[0], e);
    if (r == 0)
        r = key_make(k, "another tenant", k->own_keys[1], e);
    if (r < 0)
        return r;
    k->url = k->own.url;
    k->key = k->own_keys[0];
    k->other_key = k->own_keys[1];
    return 0;
}

/* ---- lanes ----------------------------------------------------------------------------------------------------- */

struct lane_thread {
    struct attacking *all;
    struct attack_lane lane;
    pthread_t thread;
    bool runs;
};

static void *lane_run(void *context)
{
    struct lane_thread *t = context;
    struct attacking *k = t->all;
    for (;;) {
        pthread_mutex_lock(&k->lock);
        while (k->next < k->list.n && !attack_wanted(&k->list.item[k->next], k->only))
            k->next++;
        struct attack *a = k->next < k->list.n ? &k->list.item[k->next++] : NULL;
        pthread_mutex_unlock(&k->lock);
        if (a == NULL)
            break;
        attack_run(&t->lane, a);
    }
    attack_lane_end(&t->lane);
    return NULL;
}

/* What could not be tried, or ran out of time, is tried once more when nothing else is: what others did to it
 * meanwhile, and how busy they kept the machine, is no verdict. */
static void broken_again(struct attacking *k, struct attack_lane *lane)
{
    size_t n = 0;
    for (size_t i = 0; i < k->list.n; i++)
        n += attack_wanted(&k->list.item[i], k->only) && k->list.item[i].verdict == ATTACK_BROKEN;
    for (size_t i = 0; n <= AGAIN_MAX && i < k->list.n; i++)
        if (attack_wanted(&k->list.item[i], k->only) && k->list.item[i].verdict == ATTACK_BROKEN)
            attack_run(lane, &k->list.item[i]);
    attack_lane_end(lane);
}

/* A session that has a kernel while all are attacked: the sibling whose pids attacks are told. */
static int sibling_make(struct attack_lane *lane, bool *ret_one_id, struct error *e)
{
    static struct attack nothing = {
        .source =
            (char *)"\"\"\"x\nexpect: x\n\"\"\"\nimport os\ndef attack():\n"
                    "    return 'one id' if os.stat('/proc/1').st_uid == os.getuid() else 'ids'\n",
        .expect = "x"};
    attack_run(lane, &nothing);
    *ret_one_id = strcmp(nothing.seen, "one id") == 0;
    return nothing.verdict == ATTACK_SUCCEEDED ? 0
                                               : error_set(e, ERROR_UNAVAILABLE, EPROTO,
                                                     "No session runs code: %.200s", nothing.seen);
}

static int lane_init(struct attacking *k, struct attack_lane *lane, struct error *e)
{
    *lane = (struct attack_lane){.url = k->url,
        .key = k->key,
        .other_key = k->other_key,
        .list = &k->list,
        .hints = &k->hints,
        .lacks = k->lacks};
    int r = remote_init(&lane->remote, k->url, k->key, e);
    lane->remote.timeout_s = REQUEST_TIMEOUT_S;
    return r;
}

/* What sessions have not got on that host, by asking one: whether its cgroup counts its processes; whether
 * the id of its kernel is that of its init, and so of every session. */
static void lacks_find(struct attacking *k, struct attack_lane *lane, bool one_id)
{
    char path[160];
    json_t *root = NULL;
    struct error e = {0};
    snprintf(path, sizeof(path), "/containers/%s", lane->session);
    int r = remote_json(&lane->remote, "GET", path, NULL, &root, &e);
    json_t *pids = json_object_get(json_object_get(root, "usage"), "pids");
    bool counted = r < 0 || json_integer_value(pids) > 0;
    json_decref(root);
    snprintf(k->lacks, sizeof(k->lacks), "%s %s", counted ? "" : "limits", one_id ? "ids" : "");
}

static int attack_all(struct attacking *k, struct error *e)
{
    static struct lane_thread t[LANES_MAX + 1];
    struct attack_lane *sibling = &t[LANES_MAX].lane;
    k->hints.json = strdup("{}");
    bool one_id = false;
    int r = lane_init(k, sibling, e);
    if (r == 0)
        r = sibling_make(sibling, &one_id, e);
    if (r == 0) {
        free(k->hints.json);
        lacks_find(k, sibling, one_id);
        r = attack_hints_complete(&k->hints, k->url, k->own.pid, e);
    }
    for (unsigned i = 0; r == 0 && i < k->lanes; i++) {
        t[i].all = k;
        r = lane_init(k, &t[i].lane, e);
        t[i].runs = r == 0 && pthread_create(&t[i].thread, NULL, lane_run, &t[i]) == 0;
    }
    for (unsigned i = 0; i < k->lanes; i++) {
        if (t[i].runs)
            pthread_join(t[i].thread, NULL);
    }
    if (r == 0)
        broken_again(k, &t[0].lane);
    for (unsigned i = 0; i < k->lanes; i++)
        remote_deinit(&t[i].lane.remote);
    attack_lane_end(sibling);
    remote_deinit(&sibling->remote);
    return r;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static int parse(int argc, char **argv, struct attacking *k)
{
    static const struct option longs[] = {
        {"url", required_argument, NULL, OPTION_URL},
        {"only", required_argument, NULL, OPTION_ONLY},
        {"lanes", required_argument, NULL, OPTION_LANES},
        {"environments", required_argument, NULL, OPTION_ENVIRONMENTS},
        {"list", no_argument, NULL, OPTION_LIST},
        {"json", no_argument, NULL, OPTION_JSON},
        {0},
    };
    int option;
    long long lanes = 4;
    while ((option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_URL: k->url = optarg; break;
        case OPTION_ONLY: k->only = optarg; break;
        case OPTION_LANES:
            if (command_number(optarg, 1, LANES_MAX, &lanes) < 0)
                return command_fail("attack", EXIT_USAGE,
                    "--lanes: \"%s\" is no number from 1 to %d.", optarg, LANES_MAX);
            break;
        case OPTION_ENVIRONMENTS: k->environments = optarg; break;
        case OPTION_LIST: k->list_only = true; break;
        case OPTION_JSON: k->json = true; break;
        case 'h': fputs(help, stdout); return -1;
        default: return EXIT_USAGE;
        }
    }
    k->lanes = (unsigned)lanes;
    return optind < argc
               ? command_fail("attack", EXIT_USAGE, "\"%s\" is one word too many.", argv[optind])
               : 0;
}

/* Whether the address is this machine's own: then what it offers outside is there to be looked for. */
static bool is_local(const char *url)
{
    return url == NULL || strncmp(url, "unix:", 5) == 0 || strstr(url, "//127.") != NULL ||
           strstr(url, "//localhost") != NULL || strstr(url, "//[::1]") != NULL;
}

int command_attack(int argc, char **argv)
{
    static struct attacking k;
    k = (struct attacking){.key = getenv("CLOCHE_API_KEY"),
        .other_key = getenv("CLOCHE_OTHER_API_KEY"),
        .environments = getenv("CLOCHE_ENVIRONMENTS"),
        .lock = PTHREAD_MUTEX_INITIALIZER};
    struct error e = {0};
    int r = parse(argc, argv, &k);
    if (r != 0)
        return r < 0 ? 0 : r;
    int64_t began = clock_monotonic_us();
    r = attack_list_read(&k.list, &e);
    if (r == 0 && !k.list_only)
        r = attack_hints_init(&k.hints, is_local(k.url), &e);
    if (r == 0 && !k.list_only)
        r = server_prepare(&k, &e);
    if (r == 0 && !k.list_only)
        r = attack_all(&k, &e);
    double seconds = (double)(clock_monotonic_us() - began) / 1e6;
    if (k.own.pid > 0)
        own_server_stop(&k.own);
    struct attack_tally all = attack_tally(&k.list, k.only, NULL);
    if (r < 0)
        command_fail("attack", 0, "%s", e.message[0] ? e.message : strerror(-r));
    else if (all.n == 0)
        r = -1,
        command_fail("attack", 0, "No attack has \"%s\" in its name.", k.only ? k.only : "");
    else if (k.json)
        attack_report_json(&k.list, k.only, seconds, k.list_only);
    else if (k.list_only)
        attack_report_list(&k.list, k.only);
    else
        attack_report_text(&k.list, k.only, seconds);
    bool tried = r < 0 || k.list_only || attack_tried(&all);
    if (!tried)
        command_fail("attack", 0,
            "None of these attacks applies here, so that nothing is known to be contained.");
    bool held = r == 0 && tried && (k.list_only || attack_not_contained(&all) == 0);
    if (!k.list_only)
        attack_hints_deinit(&k.hints);
    attack_list_deinit(&k.list);
    if (fflush(stdout) != 0 || !held)
        return EXIT_FAILED;
    return all.open > 0 ? EXIT_OPEN : 0;
}
