#include "agent/reader.h"

int run_reader_advance(
    struct run_reader *r, int timeout_ms, run_event_sink *sink, void *context, struct error *e)
{
    struct run_event *events = NULL;
    size_t n = 0;
    if (r->ended)
        return 0;
    int last = run_events(r->run, r->next, timeout_ms, &events, &n, e);
    if (last < 0)
        return last;
    int said = 0;
    for (size_t i = 0; said == 0 && i < n; i++)
        said = sink(context, &events[i], r->next++);
    run_events_free(events, n);
    r->ended = said == 0 && last == 1;
    return said;
}

int run_reader_catch_up(struct run_reader *r, run_event_sink *sink, void *context, struct error *e)
{
    for (;;) {
        uint64_t before = r->next;
        int said = run_reader_advance(r, 0, sink, context, e);
        if (said != 0 || r->ended || r->next == before)
            return said;
    }
}

int64_t run_completed_at(struct run *run)
{
    struct run_info info;
    run_info(run, &info);
    int64_t at = info.completed_at;
    run_info_deinit(&info);
    return at;
}
