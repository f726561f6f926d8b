#include "call_ids.h"

#include <stdio.h>
#include <string.h>

void call_ids_init(struct call_ids *c, size_t maximum, bool plain)
{
    *c = (struct call_ids){
        .maximum = maximum, .plain = plain, .given = json_object(), .open = json_object()};
}

void call_ids_deinit(struct call_ids *c)
{
    json_decref(c->given);
    json_decref(c->open);
}

static bool taken_as_it_is(const struct call_ids *c, const char *id)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = strlen(id);
    return n > 0 && n <= c->maximum && (!c->plain || strspn(id, plain) == n) &&
           (c->repeats || json_object_get(c->given, id) == NULL);
}

json_t *call_ids_call(struct call_ids *c, const char *id)
{
    char made[32];
    const char *sent = id;
    c->calls++;
    if (!taken_as_it_is(c, id)) {
        do
            snprintf(made, sizeof(made), "call_%u", c->calls);
        while (json_object_get(c->given, made) != NULL && ++c->calls);
        sent = made;
    }
    json_t *queue = json_object_get(c->open, id);
    if (queue == NULL) {
        queue = json_array();
        json_object_set_new(c->open, id, queue);
    }
    json_object_set_new(c->given, sent, json_true());
    json_array_append_new(queue, json_string(sent));
    return json_string(sent);
}

json_t *call_ids_result(struct call_ids *c, const char *id)
{
    json_t *queue = json_object_get(c->open, id);
    json_t *sent = json_incref(json_array_get(queue, 0));
    json_array_remove(queue, 0);
    return sent;
}
