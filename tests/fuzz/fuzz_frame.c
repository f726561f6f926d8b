/* What a kernel may send: frames in pieces of any size, their heads, their displays. The first byte
 * chooses the pieces; the rest is the stream. */
#include <stdint.h>
#include <stdlib.h>

#include "ipc/frame.h"
#include "session/kernel.h"
#include "session/outputs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(struct outputs *o, const struct frame *f)
{
    struct kernel_head h;
    if (kernel_head_parse(f->head, f->head_length, &h) < 0)
        return;
    if (h.type == FRAME_ERROR)
        outputs_error(o, h.json);
    else if (h.type == FRAME_CLEAR_OUTPUT)
        outputs_clear(o, h.json);
    else if (h.type == FRAME_DISPLAY_DATA || h.type == FRAME_EXECUTE_RESULT)
        outputs_display(
            o, h.type == FRAME_DISPLAY_DATA ? OUTPUT_DISPLAY : OUTPUT_RESULT, h.json, f);
    for (size_t i = 0; i < f->buffers; i++)
        outputs_text(
            o, i % 2 ? OUTPUT_STDERR : OUTPUT_STDOUT, f->buffer[i].data, f->buffer[i].length);
    kernel_head_deinit(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct output_limits limits = {64, 64, 4096};
    static const char *const where[2] = {NULL, NULL};
    if (size < 1)
        return 0;
    size_t piece = data[0] ? data[0] : size;
    struct frame_reader r = {0};
    struct outputs o;
    struct execution e = {0};
    outputs_init(&o, &e, NULL, &limits, NULL, NULL);
    int rc = 0;
    for (size_t at = 1; at < size && rc >= 0; at += piece) {
        struct frame f;
        if (frame_reader_push(&r, data + at, piece < size - at ? piece : size - at) < 0)
            break;
        while ((rc = frame_reader_next(&r, &f)) == 1)
            take(&o, &f);
    }
    outputs_close(&o);
    outputs_finish(&o, &e, where);
    outputs_deinit(&o);
    struct strbuf json = STRBUF_INIT(64 << 20);
    execution_to_json(&e, &json);
    strbuf_deinit(&json);
    execution_deinit(&e);
    frame_reader_deinit(&r);
    return 0;
}
