#include <errno.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json_writer.h"
#include "cli/commands.h"
#include "cli/paths.h"
#include "cli/state.h"
#include "store/store.h"

static const char help[] =
    "usage: cloche key create --name NAME [--project PROJECT] [--state DIR] [--json]\n"
    "       cloche key list [--state DIR] [--json]\n"
    "       cloche key revoke ID [--state DIR] [--json]\n\n"
    "API keys. While none was ever made, a server on this machine's own addresses asks for none; from\n"
    "the first on, every request needs one, and a running server knows at once. A key is shown when it\n"
    "is made and never again: the store keeps its hash.\n\n"
    "  --name NAME        what the key is for, in a person's words\n"
    "  --project PROJECT  whose objects it sees; without it, a project of its own (the first key made\n"
    "                     so gets `default`, which holds what was made before there was a key)\n"
    "  --state DIR        the server's state directory (CLOCHE_STATE; the same default as serve)\n"
    "  --json             print one JSON object\n\n"
    "exit codes: 0 done, 1 failed (no such key, no access to the state directory), 2 wrong usage\n";

enum { OPTION_NAME = COMMAND_LONG, OPTION_PROJECT, OPTION_STATE, OPTION_JSON };

struct key_options {
    const char *name, *project, *state;
    bool json;
};

static int print_json(struct strbuf *text)
{
    if (text->failed)
        return command_fail("key", EXIT_FAILED, "Out of memory.");
    printf("%s\n", strbuf_text(text));
    return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

static void key_json(struct json_writer *w, const struct store_key *key)
{
    jw_begin_object(w);
    jw_field_string(w, "id", key->id);
    jw_field_string(w, "name", key->name);
    jw_field_string(w, "project", key->project);
    jw_field_int(w, "created_at", key->created_at);
    if (key->revoked_at != 0)
        jw_field_int(w, "revoked_at", key->revoked_at);
    else
        jw_field_null(w, "revoked_at");
    jw_end(w);
}

static int key_create(struct store *store, const struct key_options *o)
{
    struct error e = {0};
    struct store_key key = {0};
    char secret[STORE_SECRET_SIZE];
    if (store_key_create(store, o->name, o->project, &key, secret, &e) < 0)
        return command_fail("key", EXIT_FAILED, "%s", e.message);
    int code = 0;
    if (o->json) {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(64 << 10);
        struct json_writer w = JSON_WRITER(&text);
        jw_begin_object(&w);
        jw_field_string(&w, "id", key.id);
        jw_field_string(&w, "key", secret);
        jw_field_string(&w, "name", key.name);
        jw_field_string(&w, "project", key.project);
        jw_end(&w);
        code = print_json(&text);
    } else {
        printf("%s\n", secret);
        code = fflush(stdout) == 0 ? 0 : EXIT_FAILED;
        fprintf(stderr,
            "This is key %s of project %s; it is not shown again.\n"
            "Clients send it as `Authorization: Bearer KEY`. Revoke it: cloche key revoke %s\n",
            key.id, key.project, key.id);
    }
    explicit_bzero(secret, sizeof(secret));
    store_key_deinit(&key);
    return code;
}

static void time_text(int64_t seconds, char out[32])
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, 32, "?");
}

static int key_list(struct store *store, const struct key_options *o)
{
    struct error e = {0};
    struct store_keys keys = {0};
    if (store_key_list(store, &keys, &e) < 0)
        return command_fail("key", EXIT_FAILED, "%s", e.message);
    int code = 0;
    if (o->json) {
        cleanup_strbuf struct strbuf text = STRBUF_INIT(64 << 20);
        struct json_writer w = JSON_WRITER(&text);
        jw_begin_object(&w);
        jw_field_array(&w, "data");
        for (size_t i = 0; i < keys.count; i++)
            key_json(&w, &keys.items[i]);
        jw_end(&w);
        jw_end(&w);
        code = print_json(&text);
    } else {
        if (keys.count == 0)
            fprintf(stderr, "There are no keys; make one with `cloche key create --name NAME`.\n");
        for (size_t i = 0; i < keys.count; i++) {
            const struct store_key *key = &keys.items[i];
            char made[32];
            time_text(key->created_at, made);
            printf("%s  %s  %-7s  %-20s  %s\n", key->id, made,
                key->revoked_at != 0 ? "revoked" : "good", key->project, key->name);
        }
        code = fflush(stdout) == 0 ? 0 : EXIT_FAILED;
    }
    store_keys_deinit(&keys);
    return code;
}

static int key_revoke(struct store *store, const struct key_options *o, const char *id)
{
    struct error e = {0};
    int r = store_key_revoke(store, id, &e);
    if (r == -ENOENT)
        return command_fail("key", EXIT_FAILED,
            "There is no key with this id; `cloche key list` names them."); /* it may be a key */
    if (r < 0)
        return command_fail("key", EXIT_FAILED, "%s", e.message);
    if (!o->json) {
        fprintf(stderr, "Key %s is revoked.\n", id);
        return 0;
    }
    cleanup_strbuf struct strbuf text = STRBUF_INIT(64 << 10);
    struct json_writer w = JSON_WRITER(&text);
    jw_begin_object(&w);
    jw_field_string(&w, "id", id);
    jw_field_bool(&w, "revoked", true);
    jw_end(&w);
    return print_json(&text);
}

/* 0: options hold what was asked; else the exit code. -1: help was printed. */
static int parse(int argc, char **argv, struct key_options *o)
{
    static const struct option longs[] = {
        {"name", required_argument, NULL, OPTION_NAME},
        {"project", required_argument, NULL, OPTION_PROJECT},
        {"state", required_argument, NULL, OPTION_STATE},
        {"json", no_argument, NULL, OPTION_JSON},
        {0},
    };
    *o = (struct key_options){.state = getenv("CLOCHE_STATE")};
    int option;
    while ((option = command_option(argc, argv, "", longs)) != -1) {
        switch (option) {
        case OPTION_NAME: o->name = optarg; break;
        case OPTION_PROJECT: o->project = optarg; break;
        case OPTION_STATE: o->state = optarg; break;
        case OPTION_JSON: o->json = true; break;
        case 'h': fputs(help, stdout); return -1;
        default: return EXIT_USAGE;
        }
    }
    return 0;
}

static int check(const char *verb, int words, const struct key_options *o)
{
    bool creates = strcmp(verb, "create") == 0, revokes = strcmp(verb, "revoke") == 0;
    if (!creates && !revokes && strcmp(verb, "list") != 0)
        return command_fail("key", EXIT_USAGE, "\"%s\" is none of create, list, revoke.", verb);
    if (revokes && words != 1)
        return command_fail("key", EXIT_USAGE, "revoke takes one key's id; see `cloche key list`.");
    if (!revokes && words != 0)
        return command_fail(
            "key", EXIT_USAGE, "%s takes flags only; see `cloche key --help`.", verb);
    if (creates && (o->name == NULL || o->name[0] == '\0'))
        return command_fail("key", EXIT_USAGE, "create needs --name NAME: what is the key for?");
    if (!creates && (o->name != NULL || o->project != NULL))
        return command_fail("key", EXIT_USAGE, "--name and --project belong to create.");
    if (o->project != NULL && !store_project_valid(o->project))
        return command_fail("key", EXIT_USAGE,
            "A project's name is 1 to 64 letters, digits, - and _, not starting with key_.");
    return 0;
}

int command_key(int argc, char **argv)
{
    struct key_options o;
    struct error e = {0};
    int r = parse(argc, argv, &o);
    if (r != 0)
        return r < 0 ? 0 : r;
    if (optind >= argc) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    const char *verb = argv[optind];
    r = check(verb, argc - optind - 1, &o);
    if (r != 0)
        return r;
    cleanup_free char *fallback =
        o.state == NULL || o.state[0] == '\0' ? paths_state(&e) : strdup(o.state);
    cleanup_fd int dir = fallback == NULL ? -1 : state_open(fallback, &e);
    struct store *store = NULL;
    if (dir < 0 || state_become_owner(dir, &e) < 0 || store_open(dir, 0, &store, &e) < 0)
        return command_fail("key", EXIT_FAILED, "%s", e.message);
    if (strcmp(verb, "create") == 0)
        r = key_create(store, &o);
    else if (strcmp(verb, "list") == 0)
        r = key_list(store, &o);
    else
        r = key_revoke(store, &o, argv[optind + 1]);
    store_close(store);
    return r;
}
