/* A run and its encoder, as far as its events were read. */
#include <errno.h>
#include <string.h>

#include "api/assistants/request.h"
#include "base/log.h"

int run_state_init(struct run_state *s, struct run *run, assistants_sink *sink, void *context,
    uint64_t from, struct error *e)
{
    *s = (struct run_state){.run = run, .from = from};
    run_info(run, &s->info);
    s->base = (struct run_base){
        .id = s->info.id,
        .thread_id = s->info.conversation_id ? s->info.conversation_id : "",
        .created_at = s->info.created_at,
        .expires_at = json_integer_value(json_object_get(s->info.request, "expires_at")),
        .fixed = json_object_get(s->info.request, "run"),
    };
    s->encoder = run_encoder_new(&s->base, from > 0, sink, context);
    if (s->encoder)
        return 0;
    run_state_deinit(s);
    return no_memory_error(e);
}

static void feed(struct run_state *s, const struct run_event *event)
{
    int64_t now = 0;
    /* of a run that a restart cut short: its last event does not say when */
    if (strcmp(event->type, "run.failed") == 0) {
        struct run_info info;
        run_info(s->run, &info);
        now = info.completed_at;
        run_info_deinit(&info);
    }
    if (run_encoder_feed(s->encoder, event->json, event->length, now) < 0)
        log_line(LOG_ERROR, "assistants", "an event that cannot be shown", "run=%s type=%s",
            s->base.id, event->type);
}

int run_state_advance(struct run_state *s, int timeout_ms, struct error *e)
{
    struct run_event *events = NULL;
    size_t n = 0;
    if (s->ended)
        return 0;
    int r = run_events(s->run, s->next, timeout_ms, &events, &n, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        run_encoder_mute(s->encoder, s->next + i < s->from);
        feed(s, &events[i]);
    }
    s->next += n;
    s->ended = r == 1;
    run_events_free(events, n);
    return 0;
}

int run_state_catch_up(struct run_state *s, struct error *e)
{
    for (;;) {
        uint64_t before = s->next;
        int r = run_state_advance(s, 0, e);
        if (r < 0 || s->ended || s->next == before)
            return r;
    }
}

json_t *run_state_object(struct run_state *s)
{
    struct run_info info;
    run_info(s->run, &info);
    bool cancelling = info.cancelling && !s->ended;
    run_info_deinit(&info);
    return run_encoder_run(s->encoder, cancelling);
}

void run_state_deinit(struct run_state *s)
{
    s->encoder = run_encoder_free(s->encoder);
    run_info_deinit(&s->info);
    run_unref(s->run);
    s->run = NULL;
}
