/* env_progress.c - a bar on a terminal, plain lines elsewhere, JSON lines for programs. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/env_internal.h"

enum { BAR_WIDTH = 24, LINE_EVERY = 20 };

void env_progress_init(struct env_progress *p, const char *name, bool json)
{
    *p = (struct env_progress){.name = name, .started_us = clock_monotonic_us()};
    p->output = json ? ENV_OUTPUT_JSON : isatty(STDERR_FILENO) ? ENV_OUTPUT_BAR : ENV_OUTPUT_LINES;
}

static void print_json(json_t *event)
{
    if (event != NULL && json_dumpf(event, stdout, JSON_COMPACT) == 0) {
        putchar('\n');
        fflush(stdout);
    }
    json_decref(event);
}

static void clear_bar(struct env_progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

static int columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 40 ? size.ws_col : 80;
}

static void draw_bar(struct env_progress *p, const char *detail)
{
    char bar[BAR_WIDTH + 1], line[512];
    int filled = p->total > 0 ? (int)(p->done * BAR_WIDTH / p->total) : 0;
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    int seconds = (int)((clock_monotonic_us() - p->started_us) / 1000000);
    if (p->total > 0)
        snprintf(line, sizeof(line), "%s [%s] %3d s  %s %ld/%ld %s", p->name, bar, seconds,
            p->phase, p->done, p->total, detail);
    else
        snprintf(
            line, sizeof(line), "%s [%s] %3d s  %s %s", p->name, bar, seconds, p->phase, detail);
    fprintf(stderr, "\r\033[K%.*s", columns() - 1, line);
    p->drawn = true;
}

void env_progress_phase(struct env_progress *p, const char *phase, long total)
{
    snprintf(p->phase, sizeof(p->phase), "%s", phase);
    p->done = 0;
    p->total = total;
    if (p->output == ENV_OUTPUT_BAR)
        draw_bar(p, "");
    else if (p->output == ENV_OUTPUT_JSON)
        print_json(json_pack("{s:s, s:s, s:s, s:I, s:I}", "type", "environment.progress", "name",
            p->name, "phase", phase, "done", (json_int_t)0, "total", (json_int_t)total));
    else
        fprintf(stderr, "%s: %s\n", p->name, phase);
}

void env_progress_step(struct env_progress *p, long done, const char *detail)
{
    bool moved = done != p->done;
    p->done = p->total > 0 && done > p->total ? p->total : done;
    if (p->output == ENV_OUTPUT_BAR)
        draw_bar(p, detail);
    else if (!moved)
        return;
    else if (p->output == ENV_OUTPUT_JSON)
        print_json(json_pack("{s:s, s:s, s:s, s:I, s:I, s:s*}", "type", "environment.progress",
            "name", p->name, "phase", p->phase, "done", (json_int_t)p->done, "total",
            (json_int_t)p->total, "detail", detail));
    else if (done % LINE_EVERY == 0 && p->total > 0)
        fprintf(stderr, "%s: %s %ld of %ld\n", p->name, p->phase, p->done, p->total);
}

void env_progress_note(struct env_progress *p, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    clear_bar(p);
    if (p->output == ENV_OUTPUT_JSON)
        print_json(json_pack(
            "{s:s, s:s, s:s}", "type", "environment.note", "name", p->name, "text", text));
    else
        fprintf(stderr, "%s: %s\n", p->name, text);
}

void env_progress_end(struct env_progress *p) { clear_bar(p); }
