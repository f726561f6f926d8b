/* attack_run.c - one attack, and how it ended.
 *
 * An attack in a session says its verdict itself, in one line. It may lie only to its own author, so what it
 * says of itself is taken; what it did to others is not: after an attack with a session of its own that
 * session, a bystander and the server are asked whether they still answer. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/attack.h"
#include "sandbox/landlock.h"

/* Generous: a machine may be busy, and what is over sooner waits for none of them. */
enum {
    TIME_DEFAULT_S = 120,
    APART_MARGIN_S = 5, /* a child of the session's is ended before its execution is */
    CLIENT_TIME_S = 240,
    ANSWER_TIME_S = 60,
    AGAIN_WAIT_S = 120, /* until a session that was attacked must answer */
    AGAIN_PAUSE_US = 50000,
    SOURCE_ROOM = 4 << 20,
};

extern char **environ;

static void ended(struct attack *a, enum attack_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void ended(struct attack *a, enum attack_verdict verdict, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    a->verdict = verdict;
    vsnprintf(a->seen, sizeof(a->seen), format, arguments);
    va_end(arguments);
}

/* Whether `expect` has the word. */
static bool expected(const struct attack *a, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = a->expect; (at = strstr(at, word)) != NULL; at += n)
        if ((at == a->expect || at[-1] == ' ') && strchr(" :,", at[n]) != NULL)
            return true;
    return false;
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static int session_create(
    struct attack_lane *lane, const char *memory, char ret[80], struct error *e)
{
    char body[200];
    json_t *root = NULL;
    snprintf(body, sizeof(body), "{\"name\":\"attack\",\"environment\":\"base\"%s%s%s}",
        memory[0] ? ",\"memory_limit\":\"" : "", memory, memory[0] ? "\"" : "");
    int r = remote_json(&lane->remote, "POST", "/containers", body, &root, e);
    const char *id = json_string_value(json_object_get(root, "id"));
    snprintf(ret, 80, "%s", id != NULL ? id : "");
    json_decref(root);
    return r < 0 || ret[0] ? r : -EPROTO;
}

static int session_delete(struct attack_lane *lane, const char *session, struct error *e)
{
    char path[160];
    json_t *root = NULL;
    snprintf(path, sizeof(path), "/containers/%s", session);
    int r = remote_json(&lane->remote, "DELETE", path, NULL, &root, e);
    json_decref(root);
    return r;
}

/* The execution object; the caller's reference. */
static int execute(struct attack_lane *lane, const char *session, const char *code, unsigned time_s,
    json_t **ret, struct error *e)
{
    char path[160];
    snprintf(path, sizeof(path), "/containers/%s/execute", session);
    json_t *body = json_pack("{s:s, s:i}", "code", code, "timeout", (int)time_s);
    cleanup_free char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    *ret = NULL;
    return text == NULL ? -ENOMEM : remote_json(&lane->remote, "POST", path, text, ret, e);
}

static bool answers(struct attack_lane *lane, const char *session)
{
    struct error e = {0};
    json_t *done = NULL;
    int r = execute(lane, session, "print(6 * 7)", ANSWER_TIME_S, &done, &e);
    const char *said = json_string_value(json_object_get(done, "stdout"));
    bool fine = r == 0 && said != NULL && strcmp(said, "42\n") == 0;
    json_decref(done);
    return fine;
}

/* Memory that an attack took is given back in its own time, and a kernel born meanwhile may die of it. */
static bool answers_again(struct attack_lane *lane, const char *session)
{
    char path[160];
    struct error e = {0};
    json_t *root = NULL;
    int64_t began = clock_monotonic_us(), restarts = 0;
    snprintf(path, sizeof(path), "/containers/%s/restart", session);
    while (!answers(lane, session)) {
        int64_t waited_s = (clock_monotonic_us() - began) / 1000000;
        if (waited_s > AGAIN_WAIT_S)
            return false;
        if (waited_s > AGAIN_WAIT_S / 2 && restarts++ == 0) {
            remote_json(&lane->remote, "POST", path, "{}", &root, &e);
            json_decref(root);
        }
        usleep(AGAIN_PAUSE_US);
    }
    return true;
}

/* ---- programs ------------------------------------------------------------------------------------------ */

/* attack.py, then one call of it: `verb(source, hints, value…)`. NULL when memory is short. */
static char *program(const struct attack_lane *lane, const struct attack *a, const char *verb,
    const char *value, const char *more)
{
    json_t *source = json_string(a->source), *hints = json_string(lane->hints->json);
    json_t *given = value != NULL ? json_string(value) : NULL;
    cleanup_free char *s = json_dumps(source, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    cleanup_free char *h = json_dumps(hints, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    cleanup_free char *v = given ? json_dumps(given, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    char *text = NULL;
    if (s != NULL && h != NULL &&
        asprintf(&text, "%s\n%s(%s, json.loads(%s)%s%s%s%s)\n", lane->list->inside, verb, s, h,
            v ? ", json.loads(" : "", v ? v : "", v ? ")" : "", more) < 0)
        text = NULL;
    json_decref(source);
    json_decref(hints);
    json_decref(given);
    return text;
}

/* The last line that begins with VERDICT. The reference is the caller's; NULL: there is none. */
static json_t *verdict_find(const char *text)
{
    const char *last = NULL;
    for (const char *at = text; at != NULL && (at = strstr(at, "VERDICT ")) != NULL; at++)
        last = at;
    return last == NULL ? NULL : json_loads(last + 8, JSON_DISABLE_EOF_CHECK, NULL);
}

static void verdict_take(struct attack *a, json_t *said)
{
    static const char *const names[] = {"contained", "succeeded", "absent", "broken"};
    const char *word = json_string_value(json_object_get(said, "verdict"));
    const char *seen = json_string_value(json_object_get(said, "seen"));
    for (size_t i = 0; word != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(word, names[i]) == 0) {
            ended(a, (enum attack_verdict)i, "%.300s", seen != NULL ? seen : "");
            return;
        }
    ended(a, ATTACK_BROKEN, "a verdict of no kind");
}

/* What an execution came to: its verdict, or, where it did not live to say one, its status. */
static void judge(struct attack *a, const json_t *done)
{
    const char *status = json_string_value(json_object_get(done, "status"));
    json_t *said = verdict_find(json_string_value(json_object_get(done, "stdout")));
    const char *error = json_string_value(json_object_get(json_object_get(done, "error"), "value"));
    if (said != NULL)
        verdict_take(a, said);
    if (said != NULL && (a->verdict != ATTACK_BROKEN || status == NULL || !expected(a, status))) {
        /* an interrupt that ended it is no flaw of the attack: its status says so */
    } else if (status != NULL && (expected(a, status) || (a->bomb && strcmp(status, "error") != 0)))
        ended(a, ATTACK_CONTAINED, "%s", status);
    else
        ended(a, ATTACK_BROKEN, "no verdict: %s %.200s", status ? status : "?", error ? error : "");
    json_decref(said);
}

/* ---- attacks in a session --------------------------------------------------------------------------------- */

static int first_part(struct attack_lane *lane, const struct attack *a, const char *session,
    const char *function, char **ret_value, struct error *e)
{
    char more[40];
    snprintf(more, sizeof(more), ", \"%s\"", function);
    cleanup_free char *code = program(lane, a, "before", NULL, more);
    json_t *done = NULL;
    int r = code == NULL ? -ENOMEM : execute(lane, session, code, TIME_DEFAULT_S, &done, e);
    json_t *said = r == 0 ? verdict_find(json_string_value(json_object_get(done, "stdout"))) : NULL;
    if (r == 0 && said == NULL)
        r = error_set(e, ERROR_INTERNAL, EPROTO, "its first part did not get ready");
    if (r == 0) {
        *ret_value = json_dumps(json_object_get(said, "value"), JSON_ENCODE_ANY);
        r = *ret_value == NULL ? -ENOMEM : 0;
    }
    json_decref(said);
    json_decref(done);
    return r;
}

/* What is born beside a kernel: init's child for each upload; and at the end the next kernel. */
static int stir(
    struct attack_lane *lane, const struct attack *a, const char *session, struct error *e)
{
    char path[160];
    snprintf(path, sizeof(path), "/containers/%s/files", session);
    int r = 0;
    for (unsigned i = 0; r == 0 && i <= a->stir; i++) {
        json_t *done = NULL;
        cleanup_fd int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        cleanup_strbuf struct strbuf answer = STRBUF_INIT(REMOTE_ANSWER_MAX);
        r = remote_upload(&lane->remote, path, "program.bin", fd, NULL, &answer, e);
        if (r == 0)
            r = execute(lane, session, i < a->stir ? "x = 1" : "import os; os._exit(0)",
                ANSWER_TIME_S, &done, e);
        json_decref(done);
    }
    return r;
}

static void look_after(struct attack_lane *lane, struct attack *a, const char *session)
{
    if (a->verdict != ATTACK_CONTAINED)
        return;
    if (!answers_again(lane, session))
        ended(a, ATTACK_BROKEN, "then its session did not answer within %d s", AGAIN_WAIT_S);
    else if (!answers_again(lane, lane->session))
        ended(a, ATTACK_BROKEN, "then another session did not answer within %d s", AGAIN_WAIT_S);
}

static int attack_alone(struct attack_lane *lane, struct attack *a, const char *session,
    const char *value, struct error *e)
{
    char more[64];
    unsigned seconds = a->time_s > 0 ? a->time_s : TIME_DEFAULT_S;
    if (a->in_kernel)
        snprintf(more, sizeof(more), ", apart=False");
    else
        snprintf(more, sizeof(more), ", seconds=%u",
            seconds > APART_MARGIN_S ? seconds - APART_MARGIN_S : seconds);
    cleanup_free char *code = program(lane, a, "run", value, more);
    json_t *done = NULL;
    int r = code == NULL ? -ENOMEM : execute(lane, session, code, seconds, &done, e);
    if (r == 0)
        judge(a, done);
    json_decref(done);
    return r;
}

static void unharmed(struct attack_lane *lane, struct attack *a, const char *victim)
{
    struct error e = {0};
    json_t *done = NULL;
    if (a->verdict != ATTACK_CONTAINED || strstr(a->source, "\ndef harmed(") == NULL)
        return;
    cleanup_free char *code = program(lane, a, "after", NULL, "");
    int r = code == NULL ? -ENOMEM : execute(lane, victim, code, TIME_DEFAULT_S, &done, &e);
    json_t *said = r == 0 ? verdict_find(json_string_value(json_object_get(done, "stdout"))) : NULL;
    const char *word = json_string_value(json_object_get(said, "verdict"));
    const char *status = json_string_value(json_object_get(done, "status"));
    if (word == NULL && status != NULL && strcmp(status, "timeout") != 0)
        ended(a, ATTACK_SUCCEEDED, "the victim answers no more: %.40s", status);
    else if (word == NULL) /* slow, maybe: no verdict */
        ended(a, ATTACK_BROKEN, "then the victim did not answer");
    else if (strcmp(word, "contained") != 0)
        ended(a, ATTACK_SUCCEEDED, "the victim: %.200s",
            json_string_value(json_object_get(said, "seen")));
    json_decref(said);
    json_decref(done);
}

static int attack_inside(struct attack_lane *lane, struct attack *a, struct error *e)
{
    char own[80] = "", victim[80] = "";
    cleanup_free char *value = NULL;
    struct error ignored = {0};
    int r = lane->session[0] ? 0 : session_create(lane, "", lane->session, e);
    if (r == 0 && a->own)
        r = session_create(lane, a->memory, own, e);
    if (r == 0 && a->sibling)
        r = session_create(lane, "", victim, e);
    const char *session = a->own ? own : lane->session;
    if (r == 0 && a->sibling)
        r = first_part(lane, a, victim, "victim", &value, e);
    if (r == 0 && a->lays) {
        cleanup_free char *unused = NULL;
        r = first_part(lane, a, session, "lay", &unused, e);
        if (r == 0)
            r = stir(lane, a, session, e);
    }
    if (r == 0)
        r = attack_alone(lane, a, session, value, e);
    if (r == 0 && a->sibling)
        unharmed(lane, a, victim);
    if (r == 0 && a->own)
        look_after(lane, a, own);
    if (own[0] && session_delete(lane, own, &ignored) < 0 && a->verdict == ATTACK_CONTAINED)
        ended(a, ATTACK_SUCCEEDED, "its session cannot be deleted");
    if (victim[0])
        session_delete(lane, victim, &ignored);
    return r;
}

/* ---- attacks on the API ------------------------------------------------------------------------------------ */

/* This process's environment, with the address and the keys. malloc'ed; the strings in `made` too. */
static char **environment(const struct attack_lane *lane, char *made[3])
{
    static const char *const names[] = {
        "CLOCHE_ATTACK_URL", "CLOCHE_API_KEY", "CLOCHE_OTHER_API_KEY"};
    const char *values[] = {lane->url, lane->key, lane->other_key};
    size_t n = 0, k = 0;
    while (environ[n] != NULL)
        n++;
    char **all = calloc(n + 4, sizeof(*all));
    for (size_t i = 0; all != NULL && i < n; i++) {
        bool ours = false;
        for (int j = 0; j < 3; j++)
            ours |= strncmp(environ[i], names[j], strlen(names[j])) == 0 &&
                    environ[i][strlen(names[j])] == '=';
        if (!ours)
            all[k++] = environ[i];
    }
    for (int j = 0; all != NULL && j < 3; j++)
        if (asprintf(&made[j], "%s=%s", names[j], values[j] ? values[j] : "") >= 0)
            all[k++] = made[j];
        else
            made[j] = NULL;
    return all;
}

static int python_start(char **env, int in, int out, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    char *const argv[] = {
        (char *)"/usr/bin/python3", (char *)"-I", (char *)"-B", (char *)"-", NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    int r = -posix_spawn(ret, argv[0], &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int attack_outside(struct attack_lane *lane, struct attack *a, struct error *e)
{
    char *made[3] = {NULL, NULL, NULL};
    cleanup_free char **env = environment(lane, made);
    json_t *source = json_string(a->source);
    cleanup_free char *s = json_dumps(source, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    json_decref(source);
    cleanup_strbuf struct strbuf said = STRBUF_INIT(1 << 20);
    cleanup_fd int code = memfd_create("attack", MFD_CLOEXEC);
    int out[2] = {-1, -1}, r = 0;
    pid_t pid = -1;
    if (env == NULL || s == NULL || code < 0 || pipe2(out, O_CLOEXEC) < 0 ||
        dprintf(code, "%s\nrun(%s, own_api())\n", lane->list->outside, s) < 0 ||
        lseek(code, 0, SEEK_SET) < 0)
        r = error_set(e, ERROR_INTERNAL, errno, "it cannot be started: %s", strerror(errno));
    if (r == 0 && (r = python_start(env, code, out[1], &pid)) < 0)
        error_set(e, ERROR_INTERNAL, -r, "/usr/bin/python3: %s", strerror(-r));
    fd_close(&out[1]);
    int64_t until = clock_monotonic_us() + CLIENT_TIME_S * INT64_C(1000000);
    for (ssize_t n = 1; pid > 0 && n > 0;) {
        struct pollfd p = {out[0], POLLIN, 0};
        int64_t left = until - clock_monotonic_us();
        char block[4096];
        n = left <= 0 || poll(&p, 1, (int)(left / 1000) + 1) <= 0
                ? 0
                : read(out[0], block, sizeof(block));
        if (n > 0)
            strbuf_append(&said, block, (size_t)n);
    }
    if (pid > 0) {
        kill(pid, SIGKILL); /* it has closed its output, or is late */
        waitpid(pid, NULL, 0);
        json_t *verdict = verdict_find(strbuf_text(&said));
        if (verdict != NULL)
            verdict_take(a, verdict);
        else
            ended(a, ATTACK_BROKEN, "no verdict within %d s", CLIENT_TIME_S);
        json_decref(verdict);
    }
    fd_close(&out[0]);
    for (int j = 0; j < 3; j++)
        free(made[j]);
    return r;
}

/* ---- one attack ---------------------------------------------------------------------------------------------- */

static const char *not_here(const struct attack_lane *lane, const struct attack *a)
{
    if (strstr(a->needs, "keys") && (lane->key == NULL || lane->other_key == NULL))
        return "it takes keys of two projects: CLOCHE_API_KEY and CLOCHE_OTHER_API_KEY";
    if (strstr(a->needs, "local") && !lane->hints->local)
        return "the server is on another machine";
    if (strstr(a->needs, "pids") && !lane->hints->pids)
        return "the pids of a server that runs already are not known";
    if (strstr(a->needs, "landlock") && (!lane->hints->local || landlock_abi() == 0))
        return "this host has no Landlock, which is a second wall";
    return NULL;
}

/* What held nothing back because it is not there, in words. */
static const char *lack(const struct attack_lane *lane, const struct attack *a)
{
    if (a->open[0] == '\0' || strstr(lane->lacks, a->open) == NULL)
        return NULL;
    return strcmp(a->open, "limits") == 0 ? "sessions have no limit on memory here"
                                          : "all sessions have one id here";
}

void attack_run(struct attack_lane *lane, struct attack *a)
{
    struct error e = {0};
    int64_t began = clock_monotonic_us();
    const char *why = not_here(lane, a);
    if (why != NULL)
        ended(a, ATTACK_ABSENT, "%s", why);
    else {
        int r = a->client ? attack_outside(lane, a, &e) : attack_inside(lane, a, &e);
        if (r < 0)
            ended(a, ATTACK_BROKEN, "%s", e.message[0] ? e.message : strerror(-r));
    }
    why = a->verdict == ATTACK_SUCCEEDED ? lack(lane, a) : NULL;
    if (why != NULL) {
        char seen[ATTACK_SEEN_MAX];
        memcpy(seen, a->seen, sizeof(seen));
        ended(a, ATTACK_OPEN, "%.160s; %s, `cloche doctor` says why", seen, why);
    }
    a->seconds = (double)(clock_monotonic_us() - began) / 1e6;
}

void attack_lane_end(struct attack_lane *lane)
{
    struct error e = {0};
    if (lane->session[0])
        session_delete(lane, lane->session, &e);
    lane->session[0] = '\0';
}
