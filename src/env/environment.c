#include "env/environment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"

enum { MANIFEST_MAX = 4 << 20, ENVIRONMENTS_MAX = 1000, NAMES_MAX = 20000, NAME_MAX_BYTES = 200 };

void environment_deinit(struct environment *env)
{
    json_decref(env->packages);
    json_decref(env->imports);
    json_decref(env->missing);
    json_decref(env->requirements);
    *env = (struct environment){0};
}

/* ---- the manifest ------------------------------------------------------------------------------ */

static bool name_sane(const char *text, size_t length)
{
    if (length == 0 || length > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

static bool string_sane(const json_t *value)
{
    return json_is_string(value) && name_sane(json_string_value(value), json_string_length(value));
}

/* The array of names called `key`, what is no name left out. Owned by the caller. */
static json_t *copy_names(const json_t *manifest, const char *key)
{
    json_t *out = json_array(), *from = json_object_get(manifest, key), *value;
    size_t i;
    json_array_foreach (from, i, value)
        if (out != NULL && i < NAMES_MAX && string_sane(value))
            json_array_append(out, value);
    return out;
}

static json_t *copy_packages(const json_t *manifest)
{
    json_t *out = json_object(), *from = json_object_get(manifest, "packages"), *version;
    const char *name;
    json_object_foreach (from, name, version)
        if (out != NULL && json_object_size(out) < NAMES_MAX && name_sane(name, strlen(name)) &&
            string_sane(version))
            json_object_set(out, name, version);
    return out;
}

static void copy_text(const json_t *manifest, const char *key, char *to, size_t size)
{
    const json_t *value = json_object_get(manifest, key);
    if (string_sane(value) && json_string_length(value) < size)
        memcpy(to, json_string_value(value), json_string_length(value) + 1);
}

static bool array_has(const json_t *array, const char *name)
{
    json_t *value;
    size_t i;
    json_array_foreach (array, i, value)
        if (strcmp(json_string_value(value), name) == 0)
            return true;
    return false;
}

static int from_manifest(const json_t *manifest, struct environment *env)
{
    copy_text(manifest, "python", env->python, sizeof(env->python));
    copy_text(manifest, "python_version", env->python_version, sizeof(env->python_version));
    copy_text(manifest, "project", env->project, sizeof(env->project));
    copy_text(manifest, "source", env->source, sizeof(env->source));
    env->created_at = json_integer_value(json_object_get(manifest, "created_at"));
    env->size_bytes = json_integer_value(json_object_get(manifest, "size_bytes"));
    env->packages = copy_packages(manifest);
    env->imports = copy_names(manifest, "imports");
    env->missing = copy_names(manifest, "missing");
    env->requirements = copy_names(manifest, "requirements");
    if (!env->packages || !env->imports || !env->missing || !env->requirements)
        return -ENOMEM;
    env->shell = array_has(env->imports, "IPython");
    return 0;
}

static int read_manifest(int generation, json_t **ret)
{
    cleanup_fd int fd = openat(generation, "manifest.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > MANIFEST_MAX)
        return -EBADMSG;
    cleanup_free char *text = malloc(st.st_size + 1);
    if (text == NULL)
        return -ENOMEM;
    int r = fd_read_all(fd, text, st.st_size);
    if (r < 0)
        return r;
    json_t *manifest = json_loadb(text, st.st_size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(manifest)) {
        json_decref(manifest);
        return -EBADMSG;
    }
    *ret = manifest;
    return 0;
}

/* ---- base ---------------------------------------------------------------------------------------- */

/* The version of /usr/bin/python3, from the name that it is a link to: nothing is started. */
static void base_version(struct environment *env)
{
    char target[64];
    ssize_t n = readlink("/usr/bin/python3", target, sizeof(target) - 1);
    if (n <= 0)
        return;
    target[n] = '\0';
    const char *name = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
    if (strncmp(name, "python", 6) == 0 && strlen(name + 6) < sizeof(env->python_version))
        memcpy(env->python_version, name + 6, strlen(name + 6) + 1);
}

static int load_base(struct environment *env)
{
    static const char ipython[] = "/usr/lib/python3/dist-packages/IPython/__init__.py";
    memcpy(env->name, ENVIRONMENT_BASE, sizeof(ENVIRONMENT_BASE));
    memcpy(env->python, "/usr/bin/python3", sizeof("/usr/bin/python3"));
    memcpy(env->source, "system", sizeof("system"));
    base_version(env);
    env->packages = json_object();
    env->imports = json_array();
    env->missing = json_array();
    env->requirements = json_array();
    if (!env->packages || !env->imports || !env->missing || !env->requirements)
        return -ENOMEM;
    env->shell = access(ipython, F_OK) == 0;
    if (env->shell && json_array_append_new(env->imports, json_string("IPython")) < 0)
        return -ENOMEM;
    return 0;
}

/* ---- all ------------------------------------------------------------------------------------------- */

int environment_load(int environments, const char *name, struct environment *ret, struct error *e)
{
    struct environment env = {0};
    int r;
    if (strcmp(name, ENVIRONMENT_BASE) == 0) {
        r = load_base(&env);
    } else {
        struct generation g = GENERATION_NONE;
        json_t *manifest = NULL;
        r = generation_hold(environments, name, &g, e);
        if (r < 0)
            return r;
        memcpy(env.name, name, strlen(name) + 1);
        memcpy(env.generation, g.name, sizeof(g.name));
        r = read_manifest(g.directory, &manifest);
        if (r == 0)
            r = from_manifest(manifest, &env);
        json_decref(manifest);
        generation_release(&g);
    }
    if (r < 0) {
        environment_deinit(&env);
        return error_set(e, ERROR_INTERNAL, -r,
            "The manifest of the environment \"%s\" cannot be read: %s.", name, strerror(-r));
    }
    *ret = env;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct environment *)a)->name, ((const struct environment *)b)->name);
}

/* Appends those that lie in the directory; what cannot be read is left out. */
static int append_built(int environments, struct environment *list, size_t *count)
{
    int again = openat(environments, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = again < 0 ? NULL : fdopendir(again);
    if (directory == NULL) {
        int r = -errno;
        fd_close(&again);
        return r;
    }
    struct dirent *entry;
    while (*count < ENVIRONMENTS_MAX && (entry = readdir(directory)) != NULL)
        if (environment_name_valid(entry->d_name) && strcmp(entry->d_name, ENVIRONMENT_BASE) != 0 &&
            environment_load(environments, entry->d_name, &list[*count], NULL) == 0)
            ++*count;
    closedir(directory);
    return 0;
}

int environment_list(int environments, struct environment **ret, size_t *ret_count)
{
    size_t count = 0;
    struct environment *list = calloc(ENVIRONMENTS_MAX, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    int r = environment_load(environments, ENVIRONMENT_BASE, &list[0], NULL);
    count = r == 0;
    if (r == 0 && environments >= 0)
        r = append_built(environments, list, &count);
    if (r < 0) {
        environment_list_free(list, count);
        return r;
    }
    qsort(list + 1, count - 1, sizeof(*list), by_name);
    *ret = list;
    *ret_count = count;
    return 0;
}

void environment_list_free(struct environment *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        environment_deinit(&list[i]);
    free(list);
}

bool environment_offers(const struct environment *env, const char *module)
{
    return imports_standard(module) || array_has(env->imports, module);
}

bool environment_visible(const struct environment *env, const char *project)
{
    return !env->project[0] || strcmp(env->project, project) == 0;
}

size_t environment_for_imports(
    const struct environment *list, size_t count, const struct imports *needed)
{
    size_t best = 0, best_held = 0, best_size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t held = 0, size = json_object_size(list[i].packages);
        for (size_t n = 0; n < needed->count; n++)
            held += environment_offers(&list[i], needed->name[n]);
        if (i == 0 || held > best_held || (held == best_held && size < best_size)) {
            best = i;
            best_held = held;
            best_size = size;
        }
    }
    return best;
}
