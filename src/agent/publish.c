/* publish.c - what code made and showed, handed to the run's dialect to keep for longer than the session lives. */
#include <string.h>

#include "agent/loop.h"
#include "base/log.h"

static const struct run_dialect *dialect_of(const struct loop *l)
{
    const struct runs_config *c = &l->run->all->config;
    if (l->plan->publish)
        for (size_t i = 0; i < c->n_dialects; i++)
            if (strcmp(c->dialects[i].name, l->run->dialect) == 0 && c->dialects[i].publish)
                return &c->dialects[i];
    return NULL;
}

static const char *find(const struct loop *l, const char *id)
{
    for (size_t i = 0; i < l->n_published; i++)
        if (strcmp(l->published[i].id, id) == 0)
            return l->published[i].kept;
    return NULL;
}

const char *publish(struct loop *l, const char *id, const char *path, bool figure)
{
    const struct run_dialect *dialect = dialect_of(l);
    const char *known = find(l, id);
    struct published new = {0};
    if (known || !dialect)
        return known;
    struct published *more = realloc(l->published, (l->n_published + 1) * sizeof *more);
    if (!more)
        return NULL;
    l->published = more;
    if (!dialect->publish(dialect->context, l->run, l->run->session, path, figure, new.kept))
        return NULL;
    snprintf(new.id, sizeof new.id, "%s", id);
    l->published[l->n_published++] = new;
    return l->published[l->n_published - 1].kept;
}

void publish_made(struct loop *l)
{
    struct session_file file;
    if (!dialect_of(l) || !l->run->session)
        return;
    for (size_t i = 0; i < l->n_made; i++) {
        if (session_file_find(l->run->session, NULL, l->made[i], &file, NULL) < 0)
            continue; /* deleted again, or the session is gone */
        publish(l, file.id, file.path, false);
        session_file_deinit(&file);
    }
}
