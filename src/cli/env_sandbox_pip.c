/* env_sandbox_pip.c - pip's configuration of the host, taken along into the build's sandbox.
 *
 * Companies point pip at mirrors of their own: by /etc/pip.conf, by a user's pip.conf, by PIP_* and
 * proxy variables, with a password in ~/.netrc and a certificate of their own. All of that must work
 * in the sandbox. Files are copied, since the host's may be readable by their owner only; paths that
 * a configuration names (certificates, directories of wheels) are put at the same place. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "cli/env_internal.h"

/* What pip may know of the environment; what would change where or what it installs is left out. */
static const char *const variables[] = {
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_FIND_LINKS",
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_PROXY",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_TIMEOUT",
    "PIP_RETRIES",
    "PIP_PREFER_BINARY",
    "PIP_USE_FEATURE",
    "PIP_USE_DEPRECATED",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
};
enum { VARIABLES = sizeof(variables) / sizeof(variables[0]), COPY_MAX = 16 << 20 };

size_t env_pip_variables(char **out, size_t max)
{
    extern char **environ;
    size_t n = 0;
    for (char **entry = environ; *entry != NULL; entry++)
        for (size_t i = 0; i < VARIABLES && n < max; i++) {
            size_t length = strlen(variables[i]);
            if (strncmp(*entry, variables[i], length) == 0 && (*entry)[length] == '=')
                out[n++] = *entry;
        }
    return n;
}

/* Is it in the tree already? */
static bool covered(const char *path)
{
    static const char *const there[] = {"/usr/", "/etc/ssl/certs", "/etc/pki/", "/opt/env",
        "/tmp/home", "/proc/", "/dev/", "/build/", "/sys/"};
    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        if (strncmp(path, there[i], strlen(there[i])) == 0)
            return true;
    return strcmp(path, "/") == 0 || strcmp(path, "/tmp") == 0;
}

/* Copies a file to `to`, readable by the owner alone. A file that is not there, or too large, is
 * left out. 0 or -errno of the tree's side. */
static int copy_private(const char *root, const char *from, const char *to, uid_t owner)
{
    struct strbuf text = STRBUF_INIT(COPY_MAX);
    int r = env_read_text(from, &text);
    if (r == 0)
        r = env_tree_put(root, to, strbuf_text(&text), text.length, 0400, owner);
    else
        r = 0;
    strbuf_deinit(&text);
    return r;
}

static int take_path(const char *root, const char *path, uid_t owner)
{
    char real[PATH_MAX];
    struct stat st;
    if (covered(path) || realpath(path, real) == NULL || stat(path, &st) < 0)
        return 0;
    if (S_ISREG(st.st_mode))
        return copy_private(root, path, path, owner);
    if (S_ISDIR(st.st_mode) && !covered(real))
        return env_tree_bind(root, real, path, false);
    return 0;
}

/* Every word of a value that is an absolute path, or a file: URL of one. */
static int take_paths(const char *root, const char *value, uid_t owner)
{
    int r = 0;
    while (*value != '\0' && r == 0) {
        size_t n = strcspn(value, " \t\r\n,=");
        char path[ENV_PATH];
        const char *from = value;
        if (n > 7 && strncmp(from, "file://", 7) == 0)
            from += 7;
        size_t length = n - (from - value);
        while (length > 1 && from[length - 1] == '/')
            length--;
        if (*from == '/' && length < sizeof(path)) {
            memcpy(path, from, length);
            path[length] = '\0';
            r = take_path(root, path, owner);
        }
        value += n;
        value += *value != '\0';
    }
    return r;
}

/* Takes one configuration file along as `to`, and what its lines name. */
static int take_file(const char *root, const char *from, const char *to, uid_t owner)
{
    struct strbuf text = STRBUF_INIT(ENV_TEXT_MAX);
    int r = 0;
    if (env_read_text(from, &text) == 0) {
        r = env_tree_put(root, to, strbuf_text(&text), text.length, 0400, owner);
        if (r == 0)
            r = take_paths(root, strbuf_text(&text), owner);
    }
    strbuf_deinit(&text);
    return r;
}

static int take_home(const char *root, uid_t owner)
{
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
    char path[ENV_PATH];
    int r = 0;
    if (home != NULL && *home == '/') {
        snprintf(path, sizeof(path), "%s/.pip/pip.conf", home);
        r = take_file(root, path, "/etc/cloche-pip/home/.pip/pip.conf", owner);
        snprintf(path, sizeof(path), "%s/.netrc", home);
        if (r == 0)
            r = copy_private(root, path, "/etc/cloche-pip/home/.netrc", owner);
    }
    if (xdg != NULL && *xdg == '/')
        snprintf(path, sizeof(path), "%s/pip/pip.conf", xdg);
    else if (home != NULL && *home == '/')
        snprintf(path, sizeof(path), "%s/.config/pip/pip.conf", home);
    else
        return r;
    return r < 0 ? r : take_file(root, path, "/etc/cloche-pip/home/.config/pip/pip.conf", owner);
}

int env_pip_configure(const char *root, uid_t owner, struct error *e)
{
    char *values[VARIABLES * 2];
    size_t n = env_pip_variables(values, VARIABLES * 2);
    int r = take_file(root, "/etc/pip.conf", "/etc/pip.conf", owner);
    if (r == 0)
        r = take_file(root, "/etc/xdg/pip/pip.conf", "/etc/xdg/pip/pip.conf", owner);
    if (r == 0)
        r = take_home(root, owner);
    const char *named = getenv("PIP_CONFIG_FILE");
    if (r == 0 && named != NULL && *named == '/' && strcmp(named, "/dev/null") != 0)
        r = take_file(root, named, "/etc/cloche-pip/named.conf", owner);
    for (size_t i = 0; i < n && r == 0; i++)
        r = take_paths(root, strchr(values[i], '=') + 1, owner);
    if (r < 0)
        error_set(e, ERROR_INTERNAL, -r,
            "pip's configuration could not be taken into the sandbox: %s.", strerror(-r));
    return r;
}
