#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/attack.h"
#include "cli/paths.h"

const char *const attack_groups[] = {"exhaustion", "escape", "files", "network", "api", "protocol"};
const size_t attack_groups_count = sizeof(attack_groups) / sizeof(attack_groups[0]);

enum { SOURCE_MAX = 256 << 10, PATH_ROOM = 4096 };

static char *file_text(const char *folder, const char *name)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > SOURCE_MAX)
        return NULL;
    char *text = calloc(1, (size_t)st.st_size + 1);
    if (text == NULL || fd_read_all(fd, text, (size_t)st.st_size) < 0) {
        free(text);
        return NULL;
    }
    return text;
}

static void field_set(struct attack *a, const char *name, const char *value)
{
    if (strcmp(name, "expect") == 0)
        snprintf(a->expect, sizeof(a->expect), "%s", value);
    else if (strcmp(name, "needs") == 0)
        snprintf(a->needs, sizeof(a->needs), "%s", value);
    else if (strcmp(name, "open") == 0)
        snprintf(a->open, sizeof(a->open), "%s", value);
    else if (strcmp(name, "memory") == 0)
        snprintf(a->memory, sizeof(a->memory), "%s", value);
    else if (strcmp(name, "session") == 0)
        a->own = strcmp(value, "own") == 0;
    else if (strcmp(name, "where") == 0)
        a->in_kernel = strcmp(value, "kernel") == 0;
    else if (strcmp(name, "bomb") == 0)
        a->bomb = strcmp(value, "yes") == 0;
    else if (strcmp(name, "stir") == 0)
        a->stir = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "timeout") == 0)
        a->time_s = (unsigned)strtoul(value, NULL, 10);
}

/* The docstring: the title, then fields, one a line. */
static int header_read(struct attack *a)
{
    const char *at = a->source, *end;
    if (strncmp(at, "\"\"\"", 3) != 0 || (end = strstr(at + 3, "\"\"\"")) == NULL)
        return -EPROTO;
    for (at += 3; at < end;) {
        char line[512];
        size_t n = strcspn(at, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)(n < sizeof(line) ? n : sizeof(line) - 1), at);
        at += n + 1;
        char *colon = strchr(line, ':');
        if (a->title[0] == '\0')
            snprintf(a->title, sizeof(a->title), "%.150s", line);
        else if (colon != NULL) {
            *colon = '\0';
            field_set(a, line, colon + 1 + strspn(colon + 1, " "));
        }
    }
    a->sibling = strstr(a->source, "\ndef victim(") != NULL;
    a->lays = strstr(a->source, "\ndef lay(") != NULL;
    a->own |= a->lays || a->in_kernel;
    return a->title[0] != '\0' && a->expect[0] != '\0' ? 0 : -EPROTO;
}

static int group_read(
    struct attack_list *list, const char *folder, const char *group, struct error *e)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof(path), "%s/%s", folder, group);
    struct dirent **found = NULL;
    int n = scandir(path, &found, NULL, alphasort), r = n < 0 ? -errno : 0;
    for (int i = 0; i < n; i++) {
        const char *name = found[i]->d_name, *dot = strrchr(name, '.');
        if (r == 0 && name[0] != '.' && dot != NULL && strcmp(dot, ".py") == 0) {
            struct attack *a = &list->item[list->n];
            if (list->n == ATTACKS_MAX)
                r = -E2BIG;
            else {
                *a = (struct attack){
                    .client = strcmp(group, "api") == 0 || strcmp(group, "protocol") == 0};
                snprintf(a->group, sizeof(a->group), "%s", group);
                snprintf(a->name, sizeof(a->name), "%s/%.*s", group,
                    (int)(dot - name > 50 ? 50 : dot - name), name);
                a->source = file_text(path, name);
                r = a->source == NULL ? -EIO : header_read(a);
                list->n++;
                if (r < 0)
                    error_set(e, ERROR_INTERNAL, -r,
                        "%s/%s is no attack: title and `expect` in its docstring.", group, name);
            }
        }
        free(found[i]);
    }
    free(found);
    return r;
}

int attack_list_read(struct attack_list *list, struct error *e)
{
    char folder[PATH_ROOM - 256];
    *list = (struct attack_list){0};
    if (paths_shipped("attacks", "attack.py", folder, sizeof(folder)) < 0)
        return error_set(e, ERROR_INTERNAL, ENOENT, "The attacks are missing beside this program.");
    list->item = calloc(ATTACKS_MAX, sizeof(*list->item));
    list->inside = file_text(folder, "attack.py");
    list->outside = file_text(folder, "client.py");
    int r = list->item == NULL || list->inside == NULL || list->outside == NULL ? -EIO : 0;
    for (size_t i = 0; r == 0 && i < attack_groups_count; i++)
        r = group_read(list, folder, attack_groups[i], e);
    if (r < 0 && e->message[0] == '\0')
        error_set(e, ERROR_INTERNAL, -r, "Reading the attacks in %.150s failed.", folder);
    if (r < 0)
        attack_list_deinit(list);
    return r;
}

void attack_list_deinit(struct attack_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->item[i].source);
    free(list->item);
    free(list->inside);
    free(list->outside);
    *list = (struct attack_list){0};
}
