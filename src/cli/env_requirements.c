/* env_requirements.c - a requirements file as far as Cloche needs to know it; pip reads the rest. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "cli/env_internal.h"

volatile int env_interrupted;

static void interrupted(int signal) { env_interrupted = signal; }

void env_catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = interrupted};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int env_read_text(const char *path, struct strbuf *to)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    char block[16384];
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0) {
        int r = strbuf_append(to, block, n);
        if (r < 0)
            return r;
    }
    return n < 0 ? -errno : 0;
}

void env_clean(char *to, size_t size, const char *from)
{
    size_t n = 0;
    for (; from[n] != '\0' && n + 1 < size; n++)
        to[n] = (unsigned char)from[n] < ' ' || from[n] == 0x7f ? '?' : from[n];
    to[n] = '\0';
}

void env_project_name(char *to, size_t size, const char *from, size_t length)
{
    size_t out = 0;
    for (size_t i = 0; i < length && out + 1 < size; i++) {
        bool separator = strchr("-_.", from[i]) != NULL && from[i] != '\0';
        if (!separator)
            to[out++] = (char)tolower((unsigned char)from[i]);
        else if (out > 0 && to[out - 1] != '-')
            to[out++] = '-';
    }
    to[out] = '\0';
}

/* Takes one line without its comment. Options (-r, --index-url) are pip's business. */
static int add_line(struct env_requirements *r, const char *line, size_t length)
{
    while (length > 0 && isspace((unsigned char)*line))
        line++, length--;
    for (size_t i = 0; i < length; i++)
        if (line[i] == '#' && (i == 0 || isspace((unsigned char)line[i - 1])))
            length = i;
    while (length > 0 && isspace((unsigned char)line[length - 1]))
        length--;
    if (length == 0 || line[0] == '-')
        return 0;
    if (r->count == ENV_REQUIREMENTS_MAX)
        return -E2BIG;
    size_t name = 0;
    while (
        name < length && (isalnum((unsigned char)line[name]) || strchr("-_.", line[name]) != NULL))
        name++;
    char project[256];
    env_project_name(project, sizeof(project), line, name);
    r->line[r->count] = strndup(line, length);
    r->project[r->count] = strdup(project);
    r->count++;
    return r->line[r->count - 1] && r->project[r->count - 1] ? 0 : -ENOMEM;
}

int env_requirements_read(struct env_requirements *r, const char *path, struct error *e)
{
    *r = (struct env_requirements){.text = STRBUF_INIT(ENV_TEXT_MAX)};
    int status = env_read_text(path, &r->text);
    if (status == 0 && r->text.length > 0 && memchr(r->text.data, '\0', r->text.length) != NULL)
        status = -EINVAL;
    const char *at = strbuf_text(&r->text), *end = at + r->text.length;
    while (status == 0 && at < end) {
        const char *newline = memchr(at, '\n', end - at);
        const char *stop = newline != NULL ? newline : end;
        status = add_line(r, at, stop - at);
        at = stop + 1;
    }
    if (status < 0) {
        env_requirements_deinit(r);
        return error_set(e, ERROR_INVALID_VALUE, -status,
            "The requirements file %s cannot be used: %s.", path, strerror(-status));
    }
    return 0;
}

void env_requirements_deinit(struct env_requirements *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->line[i]);
        free(r->project[i]);
    }
    strbuf_deinit(&r->text);
    *r = (struct env_requirements){0};
}

bool env_requirements_have(const struct env_requirements *r, const char *project)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->project[i], project) == 0)
            return true;
    return false;
}
