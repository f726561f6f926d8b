/* examples.c - the gallery. Built-in programs, whatever model the server has: the offline analyst knows them
 * by name and has them run in a session like any other code. */
#include "api/explorer/explorer.h"

static void answer(struct http_exchange *x, const char *message)
{
    const struct explorer_ask ask = {
        .project = access_project(x),
        .message = message,
        .model = "offline",
        .interpreter = true,
    };
    explorer_answer(x, &ask);
}

void explorer_example_data(struct http_exchange *x) { answer(x, "Run the example: data analysis"); }

void explorer_example_math(struct http_exchange *x)
{
    answer(x, "Run the example: math computation");
}

void explorer_example_images(struct http_exchange *x)
{
    answer(x, "Run the example: image generation");
}
