/* json_text.h - what can be told of JSON before a parser sees it, in one pass over its bytes. Parsers recurse, and
 * a thread's stack is small: so whoever parses what a stranger sent asks here first. Pure. */
#pragma once
#include <stddef.h>

/* How deep arrays and objects are nested in it. Of text that is no JSON: at least as deep as a parser gets
 * before it says so. */
size_t json_text_depth(const char *text, size_t length);
