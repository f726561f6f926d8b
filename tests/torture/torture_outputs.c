/* What an execution shows, while the n-th malloc fails: whole, or said not to be; never half of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "faults.h"
#include "session/outputs.h"

static const struct output_limits limits = {1000, 1000, 1 << 20};
static json_t *display_head, *error_head;

/* Both streams, beyond their limits, between displays; then an error and a note. */
static void show(struct outputs *o)
{
    static char picture[5000], text[300];
    struct frame f = {.buffers = 3,
        .buffer = {{"a <b>bold</b> word", 18}, {picture, sizeof picture}, {"{\"a\":[1,2]}", 11}}};
    memset(picture, 0x89, sizeof picture);
    for (int i = 0; i < 30; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        outputs_text(o, i % 3 ? OUTPUT_STDOUT : OUTPUT_STDERR, text, sizeof text);
        if (i % 7 == 0)
            (void)outputs_display(o, OUTPUT_DISPLAY, display_head, &f);
    }
    (void)outputs_display(o, OUTPUT_RESULT, display_head, &f);
    (void)outputs_error(o, error_head);
    outputs_note(o, "%d things were noted.", 3);
}

/* A number that differs when anything that was shown does. */
static uint64_t digest(const struct execution *e)
{
    uint64_t h = e->outputs;
    for (size_t i = 0; i < e->outputs; i++) {
        const struct output *x = &e->output[i];
        h = h * 1000003 + (uint64_t)x->kind;
        for (size_t k = 0; k < x->text_length; k++)
            h = h * 1000003 + (unsigned char)x->text[k];
        for (size_t p = 0; p < x->parts; p++)
            for (size_t k = 0; k < x->part[p].length; k++)
                h = h * 1000003 + (unsigned char)x->part[p].data[k];
        for (const char *p = x->value; p && *p; p++)
            h = h * 1000003 + (unsigned char)*p;
        for (size_t k = 0; k < x->traceback_lines; k++)
            h = h * 1000003 + strlen(x->traceback[k]);
    }
    return h;
}

static bool told(const struct execution *e)
{
    for (size_t i = 0; i < e->notes; i++)
        if (strstr(e->note[i], "lost"))
            return true;
    return false;
}

static void shown_whole_or_said(void **state)
{
    (void)state;
    static const char *const where[2] = {NULL, NULL};
    uint64_t whole = 0;
    bool hit = true;
    alarm(60);                   /* a loop without an end is a failure too */
    for (long n = 0; hit; n++) { /* n 0: nothing fails */
        struct outputs o;
        struct execution e = {0};
        fault_arm(FAULT_MEMORY, n, 0);
        outputs_init(&o, NULL, NULL, &limits, NULL, NULL);
        show(&o);
        outputs_close(&o);
        int r = outputs_finish(&o, &e, where);
        hit = fault_disarm() || n == 0;
        uint64_t found = digest(&e);
        if (n == 0)
            whole = found;
        if (r != 0 && r != -ENOMEM)
            fail_msg("malloc %ld: %d", n, r);
        if (r == 0 && found != whole && !told(&e))
            fail_msg("malloc %ld (%s): something is missing and nothing was said", n, fault_name());
        if (!hit && (r != 0 || found != whole))
            fail_msg("nothing failed, and %d", r);
        outputs_deinit(&o);
        execution_deinit(&e);
    }
    alarm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shown_whole_or_said)};
    display_head = json_loads(
        "{\"mime\":[\"text/html\",\"image/png\",\"application/json\"],\"metadata\":{\"a\":1},"
        "\"display_id\":\"x\"}",
        0, NULL);
    error_head = json_loads(
        "{\"name\":\"ValueError\",\"value\":\"wrong\",\"traceback\":[\"one\",\"two\"]}", 0, NULL);
    int failed = cmocka_run_group_tests_name("torture_outputs", tests, NULL, NULL);
    json_decref(display_head);
    json_decref(error_head);
    return failed;
}
