/* commands.h - the subcommands of `cloche`, and what all of them say in the same words.
 *
 * Used by the command line only. Each command parses its own flags, prints its own --help with its
 * exit codes, and returns the exit code; main.c holds the table and nothing else. Errors go to
 * standard error as "cloche COMMAND: sentence."; a command never prints a key but `key create`. */
#pragma once
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    EXIT_FAILED = 1,   /* what was asked for could not be done */
    EXIT_USAGE = 2,    /* the command line or a setting is wrong */
    EXIT_CLOCHE = 125, /* `cloche run` only: Cloche failed, not the program it was to run */
};

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
    const char *summary;               /* NULL: internal, not listed */
};

int command_serve(int argc, char **argv);
int command_run(int argc, char **argv);
int command_env(int argc, char **argv);
int command_key(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_chat(int argc, char **argv);
int command_notebook(int argc, char **argv);
int command_attack(int argc, char **argv);
/* Internal: the server below the supervisor, one run below the supervisor, docs/settings.md. */
int command_server(int argc, char **argv);
int command_run_inside(int argc, char **argv);
int command_settings_doc(int argc, char **argv);

/* Prints "cloche COMMAND: sentence" on standard error and returns `code`. */
int command_fail(const char *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* getopt_long with the messages of this program: an unknown or ambiguous flag, a missing or surplus
 * value is said with the nearest flag and where the help is. Returns what getopt_long returns; '?'
 * after the message was printed. `argv[0]` must be the command's name. Values of `longs` start at
 * COMMAND_LONG; -h and --help are always accepted and returned as 'h'. */
enum { COMMAND_LONG = 256 };
int command_option(int argc, char **argv, const char *shorts, const struct option *longs);
/* A whole decimal number within [minimum, maximum]. 0, or -EINVAL / -ERANGE. */
int command_number(const char *text, long long minimum, long long maximum, long long *ret);
