/* reader.h - reads a run's events, each once and in order: what every dialect does before it encodes them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "agent/run.h"

struct run_reader {
    struct run *run; /* borrowed */
    uint64_t next;   /* the number of the event to read */
    bool ended;      /* all was read, and the run is final or waits for somebody */
};

/* Gets an event and its number. Not 0: nothing more is read, and the reader returns it. */
typedef int run_event_sink(void *context, const struct run_event *event, uint64_t number);

/* Reads what has come, waiting up to `timeout_ms` for something. 0, or negative with `e` filled, or what the sink
 * said. */
int run_reader_advance(
    struct run_reader *r, int timeout_ms, run_event_sink *sink, void *context, struct error *e);
/* Reads all there is now, without waiting. */
int run_reader_catch_up(struct run_reader *r, run_event_sink *sink, void *context, struct error *e);
/* When the run ended, in seconds; 0: it has not. An event that ends a run is made after that time is final. */
int64_t run_completed_at(struct run *run);
