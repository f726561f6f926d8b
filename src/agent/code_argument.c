/* code_argument.c - two layers: JSON is undone first, then a fence around the code. Each is a machine
 * that takes one byte at a time, so that no cut can matter. */
#include "agent/code_argument.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum state {
    START,
    RAW,    /* no JSON: everything is code */
    OBJECT, /* before a key, or the end */
    KEY,
    COLON,
    VALUE,
    SKIP, /* a value that is not the code */
    STRING,
    ESCAPE,
    UNICODE,
    CLOSING, /* a quote was read: the string's end, if , or } follows */
    BARE,    /* the same of a string that is the whole of the arguments */
    DONE,
    BROKEN,
};
enum fence { LEAD, PLAIN, FENCED, CLOSED };

/* Every byte that is held is looked at again with the next one, so there are few of them. */
enum { HELD_MAX = 256, GAP_MAX = 4096 };

void code_argument_init(struct code_argument *a, size_t maximum)
{
    *a = (struct code_argument){
        .code = STRBUF_INIT(maximum),
        .raw = STRBUF_INIT(maximum),
        .held = STRBUF_INIT(maximum),
        .gap = STRBUF_INIT(GAP_MAX),
    };
}

void code_argument_deinit(struct code_argument *a)
{
    strbuf_deinit(&a->code);
    strbuf_deinit(&a->raw);
    strbuf_deinit(&a->held);
    strbuf_deinit(&a->gap);
}

/* ---- the fence ----------------------------------------------------------------------------------------- */

static void release(struct code_argument *a)
{
    strbuf_append(&a->code, strbuf_text(&a->held), a->held.length);
    strbuf_clear(&a->held);
}

/* Held: blanks, then what may become ``` and a line's end. */
static void lead(struct code_argument *a, char c)
{
    strbuf_append(&a->held, &c, 1);
    const char *text = strbuf_text(&a->held), *at = text + strspn(text, " \t\r\n");
    size_t ticks = strspn(at, "`");
    bool long_enough = a->held.length > HELD_MAX;
    if ((*at == 0 || (ticks < 3 && at[ticks] == 0)) && !long_enough)
        return;
    if (ticks < 3 || long_enough) {
        a->fence = PLAIN;
        release(a);
    } else if (c == '\n') {
        a->fence = FENCED;
        strbuf_clear(&a->held);
    }
}

/* Held: a line's end, blanks, and what may become ``` alone on its line. */
static void fenced(struct code_argument *a, char c)
{
    if (a->held.length == 0 && c != '\n' && a->code.length > 0) {
        strbuf_append(&a->code, &c, 1);
        return;
    }
    const char *text = strbuf_text(&a->held), *at = text + strspn(text, " \t\r\n");
    size_t ticks = strspn(at, "`");
    bool blank = c == ' ' || c == '\t' || c == '\r';
    if (ticks >= 3 && c == '\n' && ticks == strlen(at) - strspn(at + ticks, " \t\r")) {
        a->fence = CLOSED;
        strbuf_clear(&a->held);
    } else if (c == '\n') { /* another line begins */
        release(a);
        strbuf_append(&a->held, &c, 1);
    } else if ((blank || (c == '`' && at[ticks] == 0)) && a->held.length < HELD_MAX) {
        strbuf_append(&a->held, &c, 1);
    } else {
        release(a);
        strbuf_append(&a->code, &c, 1);
    }
}

static void put(struct code_argument *a, char c)
{
    switch (a->fence) {
    case LEAD: lead(a, c); break;
    case PLAIN: strbuf_append(&a->code, &c, 1); break;
    case FENCED: fenced(a, c); break;
    default: break;
    }
}

static void put_text(struct code_argument *a, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(a, text[i]);
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

static void put_character(struct code_argument *a, unsigned c)
{
    char out[4];
    size_t n;
    if (c == 0 || (c >= 0xd800 && c < 0xe000))
        c = 0xfffd;
    if (c < 0x80) {
        out[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        n = 2;
    } else if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        n = 3;
    } else {
        out[0] = (char)(0xf0 | c >> 18);
        n = 4;
    }
    for (size_t i = 1; i < n; i++)
        out[i] = (char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
    put_text(a, out, n);
}

/* The first of two surrogates that stays alone. */
static void flush_high(struct code_argument *a)
{
    if (a->high)
        put_character(a, 0xfffd);
    a->high = 0;
}

static void put_unicode(struct code_argument *a, unsigned c)
{
    if (c >= 0xdc00 && c < 0xe000 && a->high) {
        put_character(a, 0x10000 + ((a->high - 0xd800) << 10) + (c - 0xdc00));
        a->high = 0;
        return;
    }
    flush_high(a);
    if (c >= 0xd800 && c < 0xdc00)
        a->high = c;
    else
        put_character(a, c);
}

static void escape(struct code_argument *a, char c)
{
    static const char names[] = "nrtbf\"\\/'", meanings[] = "\n\r\t\b\f\"\\/'";
    const char *at = c ? strchr(names, c) : NULL;
    a->state = STRING;
    if (c == 'u') {
        a->state = UNICODE;
        a->hex = a->hex_digits = 0;
        return;
    }
    flush_high(a);
    if (!at)
        put(a, '\\'); /* "\d": JSON has no such escape, Python's expressions do */
    put(a, at ? meanings[at - names] : c);
}

static void unicode(struct code_argument *a, char c)
{
    if (!isxdigit((unsigned char)c)) { /* no escape after all */
        char text[8];
        int n = snprintf(text, sizeof text, "\\u%.*x", (int)a->hex_digits, a->hex);
        flush_high(a);
        put_text(a, text, a->hex_digits ? (size_t)n : 2);
        put(a, c);
        a->state = STRING;
        return;
    }
    a->hex = a->hex << 4 | (unsigned)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
    if (++a->hex_digits == 4) {
        a->state = STRING;
        put_unicode(a, a->hex);
    }
}

static void string(struct code_argument *a, char c)
{
    if (c == '\\') {
        a->state = ESCAPE;
        return;
    }
    flush_high(a);
    if (c == '"') {
        strbuf_clear(&a->gap);
        strbuf_append(&a->gap, &c, 1);
        a->state = a->depth ? CLOSING : BARE;
    } else {
        put(a, c);
    }
}

/* Behind a quote. In JSON , or } follows; a model that forgot to escape goes on with its code. */
static void closing(struct code_argument *a, char c)
{
    if (isspace((unsigned char)c) && a->gap.length < GAP_MAX) {
        strbuf_append(&a->gap, &c, 1);
    } else if (a->state == CLOSING && (c == ',' || c == '}')) {
        a->state = DONE; /* whatever else the object has */
    } else {
        put_text(a, a->gap.data, a->gap.length);
        strbuf_clear(&a->gap);
        a->state = STRING;
        string(a, c);
    }
}

static bool names_code(const struct code_argument *a)
{
    static const char *const names[] = {"code", "input", "python", "script", "source"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == a->key_length && memcmp(names[i], a->key, a->key_length) == 0)
            return true;
    return false;
}

/* It only looked like JSON. */
static void turn_raw(struct code_argument *a)
{
    a->state = RAW;
    put_text(a, strbuf_text(&a->raw), a->raw.length);
    strbuf_clear(&a->raw);
}

static void skip(struct code_argument *a, char c)
{
    if (a->skipping_string) {
        if (a->escaped)
            a->escaped = false;
        else if (c == '\\')
            a->escaped = true;
        else if (c == '"')
            a->skipping_string = false;
    } else if (c == '"') {
        a->skipping_string = true;
    } else if (c == '{' || c == '[') {
        a->depth++;
    } else if (a->depth == 1 && (c == ',' || c == '}')) {
        a->state = c == ',' ? OBJECT : DONE;
    } else if ((c == '}' || c == ']') && a->depth > 1) {
        a->depth--;
    }
}

static void object(struct code_argument *a, char c)
{
    if (c == '"') {
        a->state = KEY;
        a->key_length = 0;
    } else if (c == '}') {
        a->state = DONE;
    } else {
        turn_raw(a);
    }
}

static void key(struct code_argument *a, char c)
{
    if (c == '"')
        a->state = COLON;
    else if (a->key_length < sizeof a->key)
        a->key[a->key_length++] = c;
    else
        a->key[0] = 0; /* longer than any that counts */
}

static void value(struct code_argument *a, char c)
{
    if (c == '"' && names_code(a)) {
        a->state = STRING;
        strbuf_clear(&a->raw);
    } else {
        a->state = SKIP;
        a->skipping_string = a->escaped = false;
        skip(a, c);
    }
}

static void start(struct code_argument *a, char c)
{
    if (c == '{') {
        a->state = OBJECT;
        a->depth = 1;
    } else if (c == '"') {
        a->state = STRING;
        strbuf_clear(&a->raw);
    } else {
        turn_raw(a);
    }
}

static void json(struct code_argument *a, char c)
{
    bool blank = isspace((unsigned char)c);
    if (a->state == START || (a->state >= OBJECT && a->state <= SKIP))
        strbuf_append(&a->raw, &c, 1);
    switch (a->state) {
    case START: blank ? (void)0 : start(a, c); break;
    case RAW: put(a, c); break;
    case OBJECT: blank ? (void)0 : object(a, c); break;
    case KEY: key(a, c); break;
    case COLON:
        if (c == ':')
            a->state = VALUE;
        else if (!blank)
            turn_raw(a);
        break;
    case VALUE: blank ? (void)0 : value(a, c); break;
    case SKIP: skip(a, c); break;
    case STRING: string(a, c); break;
    case ESCAPE: escape(a, c); break;
    case UNICODE: unicode(a, c); break;
    case CLOSING:
    case BARE: closing(a, c); break;
    default: break;
    }
}

static int health(const struct code_argument *a)
{
    return a->code.failed || a->raw.failed || a->held.failed ? -E2BIG : 0;
}

int code_argument_feed(struct code_argument *a, const char *text, size_t n)
{
    for (size_t i = 0; i < n && !a->code.failed && !a->raw.failed && !a->held.failed; i++)
        json(a, text[i]);
    return health(a);
}

/* What is still held when no more comes. */
static void release_last(struct code_argument *a)
{
    const char *text = strbuf_text(&a->held);
    if (a->fence == FENCED && strspn(text + strspn(text, " \t\r\n"), "`") >= 3)
        strbuf_clear(&a->held); /* the closing fence */
    else
        release(a);
}

static bool blank_text(const struct strbuf *b)
{
    const char *text = strbuf_text(b);
    return text[strspn(text, " \t\r\n")] == 0;
}

enum code_argument_end code_argument_finish(struct code_argument *a)
{
    enum code_argument_end end = CODE_WHOLE;
    switch (a->state) {
    case STRING:
    case ESCAPE:
    case UNICODE:
        flush_high(a);
        end = CODE_CUT;
        break;
    case CLOSING:
    case BARE:
    case RAW:
    case DONE: break;
    case START: end = CODE_MISSING; break;
    default: end = CODE_BROKEN; break;
    }
    release_last(a);
    if (health(a) < 0)
        return CODE_BROKEN;
    return end == CODE_WHOLE && blank_text(&a->code) ? CODE_MISSING : end;
}
