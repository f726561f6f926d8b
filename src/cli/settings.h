/* settings.h - every setting of `cloche serve`: one row each, in one table.
 *
 * A row gives the flag (--memory-limit), and from it follow the environment's name
 * (CLOCHE_MEMORY_LIMIT) and the config file's key ("memory_limit"). Flags win over the environment,
 * that over the config file, that over the default, in whatever order they were read. Beside the rows the
 * config file may hold tables (models, prices …), which are kept for those who know them. --help and
 * docs/settings.md are written from the table. Used by the command line and the server; secrets are
 * no settings. Not thread-safe: a server that re-reads fills a second struct and copies under its
 * own lock. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct text_list {
    char **items;
    size_t n;
};

/* name, field, type, default (NULL: see help), minimum, maximum, unit, where it may be said, reload,
 * placeholder, help. Numbers are 64 bits wide; `reload` rows take effect on SIGHUP. */
/* clang-format off */
#define SETTINGS_TABLE(X) \
    X("listen", listen, LIST, "127.0.0.1:8000", 1, 32, "", ANYWHERE, 0, "HOST:PORT|unix:PATH", \
      "Address to answer on; may be repeated. localhost:P is 127.0.0.1 and ::1; port 0 picks one.") \
    X("state", state, TEXT, NULL, 1, 4000, "", ANYWHERE, 0, "DIR", \
      "Where the store and files live. Root: /var/lib/cloche/state, else $XDG_STATE_HOME/cloche.") \
    X("environments", environments, TEXT, NULL, 1, 4000, "", ANYWHERE, 0, "DIR", \
      "Where built environments live. Root: /var/lib/cloche/environments, else " \
      "$XDG_DATA_HOME/cloche/environments.") \
    X("host", host, LIST, "", 0, 64, "", ANYWHERE, 0, "NAME", \
      "Another name that requests may carry in Host, once a key exists; may be repeated.") \
    X("config", config, TEXT, "", 0, 4000, "", FLAG | ENVIRONMENT, 0, "FILE", \
      "A JSON object of settings; re-read on SIGHUP.") \
    X("env-file", env_file, TEXT, "", 0, 4000, "", FLAG, 0, "FILE", \
      "Lines of NAME=VALUE that join the environment where it lacks them.") \
    X("ready-fd", ready_fd, INTEGER, "-1", -1, 1048576, "", FLAG, 0, "N", \
      "Write the addresses to this descriptor, one a line, once they answer.") \
    X("socket-mode", socket_mode, OCTAL, "0600", 0, 0777, "", ANYWHERE, 0, "MODE", \
      "Access mode of unix sockets.") \
    X("stop-timeout", stop_timeout_s, INTEGER, "10", 0, 3600, "seconds", ANYWHERE, 0, "S", \
      "How long running work may go on after SIGTERM before it is interrupted.") \
    X("log-level", log_level, CHOICE, "info", 0, 0, "debug|info|warn|error", ANYWHERE, 1, "LEVEL", \
      "The least important lines to log.") \
    X("log-format", log_format, CHOICE, "text", 0, 0, "text|json", ANYWHERE, 1, "FORMAT", \
      "How a log line looks: text for people, or a JSON object with a member for each value.") \
    X("memory-limit", memory_limit, BYTES, "1g", 64LL << 20, 1LL << 50, "", ANYWHERE, 1, "BYTES", \
      "Memory of a session that does not say how much.") \
    X("memory-total", memory_total, BYTES, "0", 0, 1LL << 50, "", ANYWHERE, 0, "BYTES", \
      "Memory of all sessions together, at least 256m; no start where it cannot be enforced. " \
      "0: nine tenths of the machine's.") \
    X("zygote-memory", zygote_memory, BYTES, "2g", 64LL << 20, 1LL << 50, "", ANYWHERE, 1, "BYTES", \
      "Memory of an environment's warm interpreter, of which sessions are forked, with its warm-up.") \
    X("pids", pids, INTEGER, "128", 8, 32768, "", ANYWHERE, 1, "N", \
      "Processes and threads of a session.") \
    X("cpu-limit", cpu_limit, DECIMAL, "0", 0, 1024, "cores", ANYWHERE, 1, "CORES", \
      "Processor time of a session, such as 0.5 or 2, at least 0.1; 0: as much as there is. Where it " \
      "cannot be enforced, serve refuses to start; so where there was none, one takes effect with the next start.") \
    X("scratch-share", scratch_percent, INTEGER, "50", 1, 90, "percent", ANYWHERE, 1, "P", \
      "How much of a session's memory its files may take.") \
    X("scratch-inodes", scratch_inodes, INTEGER, "100000", 1000, 100000000, "", ANYWHERE, 1, "N", \
      "Files and directories of a session.") \
    X("timeout", timeout_s, INTEGER, "30", 1, 86400, "seconds", ANYWHERE, 1, "S", \
      "Time of an execution that does not say how long.") \
    X("timeout-max", timeout_max_s, INTEGER, "600", 1, 86400, "seconds", ANYWHERE, 1, "S", \
      "The longest timeout that an execution may ask for.") \
    X("output-head", output_head, BYTES, "64k", 1024, 16 << 20, "", ANYWHERE, 1, "BYTES", \
      "Of long output, how much of its beginning is kept in the answer.") \
    X("output-tail", output_tail, BYTES, "64k", 1024, 16 << 20, "", ANYWHERE, 1, "BYTES", \
      "Of long output, how much of its end is kept in the answer.") \
    X("output-file", output_file, BYTES, "16m", 0, 1LL << 40, "", ANYWHERE, 1, "BYTES", \
      "Of long output, how much is kept in a file of the session.") \
    X("upload-max", upload_max, BYTES, "512m", 1024, 1LL << 40, "", ANYWHERE, 0, "BYTES", \
      "The largest file that may be uploaded in one request.") \
    X("upload-parts-max", upload_parts_max, BYTES, "8g", 1024, 1LL << 40, "", ANYWHERE, 0, "BYTES", \
      "The largest file that may be uploaded in parts.") \
    X("figures-max", figures_max, BYTES, "256m", 0, 1LL << 40, "", ANYWHERE, 1, "BYTES", \
      "What the figures that runs displayed in one session may take together.") \
    X("queue", queue, INTEGER, "16", 0, 10000, "", ANYWHERE, 1, "N", \
      "Executions that may wait in one session.") \
    X("idle", idle_minutes, INTEGER, "20", 1, 525600, "minutes", ANYWHERE, 1, "MIN", \
      "A session expires after so long without use, if it does not say otherwise.") \
    X("idle-max", idle_max_minutes, INTEGER, "1440", 1, 525600, "minutes", ANYWHERE, 1, "MIN", \
      "The longest idle time that a session may ask for.") \
    X("max-sessions", max_sessions, INTEGER, "10000", 1, 1000000, "", ANYWHERE, 0, "N", \
      "Live sessions at one time.") \
    X("max-environments", max_environments, INTEGER, "62", 1, 62, "", ANYWHERE, 0, "N", \
      "Environments that are ready at one time, base and the default one apart. One that nobody uses makes room " \
      "for another, and after ten minutes it ends.") \
    X("project-environments", project_environments, INTEGER, "50", 0, 100000, "", ANYWHERE, 0, "N", \
      "Environments that a project may build over HTTP.") \
    X("pool-sandboxes", pool_sandboxes, INTEGER, "8", 0, 1024, "", ANYWHERE, 0, "N", \
      "Empty sandboxes kept ready for each environment.") \
    X("pool-kernels", pool_kernels, INTEGER, "6", 0, 64, "", ANYWHERE, 0, "N", \
      "Rehearsed kernels kept ready for each environment with a warm-up, about 30 MB each.") \
    X("pool-kernels-plain", pool_kernels_plain, INTEGER, "2", 0, 64, "", ANYWHERE, 0, "N", \
      "Kernels kept ready for base, about 2 MB each.") \
    X("recycle", recycle, CHOICE, "on", 0, 0, "off|on", ANYWHERE, 1, "on|off", \
      "Whether stateless executions of one project may use a sandbox again, emptied and proven so.") \
    X("max-connections", max_connections, INTEGER, "4096", 8, 100000, "", ANYWHERE, 0, "N", \
      "Connections open at one time.") \
    X("keep-alive", keep_alive_s, INTEGER, "15", 1, 3600, "seconds", ANYWHERE, 0, "S", \
      "A stream that has nothing to say for so long carries a comment, so that nobody in between gives up.") \
    X("default-environment", default_environment, TEXT, NULL, 1, 63, "", ANYWHERE, 0, "NAME", \
      "Environment of a session that names none: data-science when it is built, else base.") \
    X("timezone", timezone, TEXT, "UTC", 1, 64, "", ANYWHERE, 0, "NAME", \
      "TZ inside sandboxes.") \
    X("model", model, TEXT, "", 0, 200, "", ANYWHERE, 0, "NAME", \
      "The language model that answers where a request names none.") \
    X("openai-model", openai_model, TEXT, "gpt-5-mini", 1, 200, "", ANYWHERE, 0, "NAME", \
      "OpenAI's model where OpenAI is the default and nobody names one.") \
    X("anthropic-model", anthropic_model, TEXT, "claude-sonnet-4-5", 1, 200, "", ANYWHERE, 0, "NAME", \
      "Anthropic's model where Anthropic is the default and nobody names one.") \
    X("find-local", find_local, CHOICE, "on", 0, 0, "off|on", ANYWHERE, 0, "on|off", \
      "Whether to look for Ollama and llama.cpp on their default ports.") \
    X("previews", previews, CHOICE, "on", 0, 0, "off|on", ANYWHERE, 0, "on|off", \
      "Whether a model is shown how attached files begin, before it asks.") \
    X("temperature", temperature, DECIMAL, "", 0, 2, "", ANYWHERE, 1, "T", \
      "Temperature of Explorer's and the page's chats; `cloche chat` reads TEMPERATURE.") \
    X("max-iterations", max_iterations, INTEGER, "12", 1, 1000, "", ANYWHERE, 1, "N", \
      "Rounds of model and code of Explorer's and the page's chats; `cloche chat` reads MAX_ITERATIONS.") \
    X("webhook-private", webhook_private, CHOICE, "off", 0, 0, "off|on", ANYWHERE, 0, "off|on", \
      "Whether webhooks may go to loopback and private addresses.") \
    X("webhook-long", webhook_long_s, INTEGER, "60", 1, 86400, "seconds", ANYWHERE, 0, "S", \
      "A completed run that took so long is told to webhooks as cloche.analysis.completed, too.") \
    X("max-rounds", max_rounds, INTEGER, "64", 1, 10000, "", ANYWHERE, 0, "N", \
      "Rounds of model and code that any run may take.")

/* clang-format on */

/* The fields' C types, by the table's type column. */
#define SETTING_C_LIST struct text_list
#define SETTING_C_TEXT char *
#define SETTING_C_INTEGER int64_t
#define SETTING_C_OCTAL int64_t
#define SETTING_C_BYTES int64_t
#define SETTING_C_DECIMAL double /* NAN: not said */
#define SETTING_C_CHOICE int64_t /* index among the words in the unit column */

enum setting_index {
#define X(name, field, ...) SETTING_##field,
    SETTINGS_TABLE(X)
#undef X
        SETTINGS_COUNT
};
/* Who said a value; higher wins. */
enum setting_source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

struct settings {
#define X(name, field, type, ...) SETTING_C_##type field;
    SETTINGS_TABLE(X)
#undef X
    unsigned char source[SETTINGS_COUNT];
    /* the config file's tables, "providers", "models" and the like, as they stand there; NULL: none */
    json_t *tables;
};

/* Every row at its default; rows whose default is found at the start (NULL in the table) are NULL
 * until settings_finish(). Pair: settings_deinit(). 0 or -ENOMEM. */
int settings_init(struct settings *s);
void settings_deinit(struct settings *s);
/* Sets one row from text as a person writes it ("1g", "0600", "a,b" for a list), unless a higher
 * source has spoken; a list grows within the source FROM_FLAG. Errors name what was wrong and what
 * is allowed, not the source. 0 or -EINVAL, -ENOMEM. */
int settings_set(struct settings *s, enum setting_index i, enum setting_source from,
    const char *text, struct error *e);
/* Reads the flags of `argv` (argv[0] is the command). 0; 'h' for --help; -EINVAL after the message
 * was printed. Surplus words are an error. */
int settings_flags(struct settings *s, int argc, char **argv);
/* Adds the lines of the --env-file, if any, to the environment, then reads all CLOCHE_ variables
 * that are settings. 0 or -errno. Must not run beside threads (setenv). */
int settings_environment(struct settings *s, struct error *e);
/* Reads a config file from a descriptor (borrowed, from offset 0) of at most 1 MiB; `name` is for
 * messages. Unknown and duplicate keys are errors. 0 or -errno. */
int settings_file(struct settings *s, int fd, const char *name, struct error *e);
/* Fills the defaults that are found at the start and checks rows against each other. 0 or -errno. */
int settings_finish(struct settings *s, struct error *e);

/* The words for which the file's tables are kept, NULL at the end. */
extern const char *const settings_tables[];

/* Takes over one row that is a number, with its source. For rows that a running server re-reads: texts
 * and lists may be in use and stay. */
void settings_copy_number(struct settings *to, const struct settings *from, enum setting_index i);
/* Do two of them say the same in this row? */
bool settings_same(const struct settings *a, const struct settings *b, enum setting_index i);

/* The words for one row: "CLOCHE_MEMORY_LIMIT", "memory_limit". Written to out[64]. */
void setting_variable(enum setting_index i, char out[64]);
/* A second variable for a few of them, which wins over nothing: "MODEL"; NULL: none. */
const char *setting_variable_other(enum setting_index i);
void setting_key(enum setting_index i, char out[64]);
const char *setting_flag(enum setting_index i);
bool setting_reloads(enum setting_index i);
/* A byte count as people write it: "1g", "64k", "1000". */
void setting_bytes_text(int64_t bytes, char out[32]);
/* "1g", "512MiB", "64k", "1000000" (powers of 1024). 0 or -EINVAL. */
int setting_bytes_parse(const char *text, int64_t *ret);
/* The table as the lines of --help, and as docs/settings.md. */
void settings_help(FILE *to);
void settings_markdown(FILE *to);
