/* A run and its encoder, as far as its events were read. */
#include <errno.h>
#include <string.h>

#include "api/assistants/request.h"
#include "base/log.h"

int run_state_init(struct run_state *s, struct run *run, assistants_sink *sink, void *context,
    uint64_t from, struct error *e)
{
    *s = (struct run_state){.run = run, .reader = {.run = run}, .from = from};
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

static int feed(void *context, const struct run_event *event, uint64_t number)
{
    struct run_state *s = context;
    /* of a run that a restart cut short: its last event does not say when */
    int64_t now = strcmp(event->type, "run.failed") == 0 ? run_completed_at(s->run) : 0;
    run_encoder_mute(s->encoder, number < s->from);
    if (run_encoder_feed(s->encoder, event->json, event->length, now) < 0)
        log_line(LOG_ERROR, "assistants", "an event that cannot be shown", "run=%s type=%s",
            s->base.id, event->type);
    return 0;
}

int run_state_advance(struct run_state *s, int timeout_ms, struct error *e)
{
    return run_reader_advance(&s->reader, timeout_ms, feed, s, e);
}

int run_state_catch_up(struct run_state *s, struct error *e)
{
    return run_reader_catch_up(&s->reader, feed, s, e);
}

json_t *run_state_object(struct run_state *s)
{
    struct run_info info;
    run_info(s->run, &info);
    bool cancelling = info.cancelling && !s->reader.ended;
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
