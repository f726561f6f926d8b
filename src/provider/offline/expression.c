/* expression.c - arithmetic as people type it, written as Python: a recursive descent that emits as it goes.
 *
 *   expression := term (('+' | '-' | "plus" | "minus") term)*
 *   term       := factor (('*' | '/' | "times" | "divided by" | "mod" | "% of" | nothing) factor)*
 *   factor     := ('-' | '+') factor | postfix (('^' | '**' | "to the power of") factor)?
 *   postfix    := atom ('!' | '%' | "squared" | "cubed" | "degrees" | '²' | '³')*
 *   atom       := number | constant | letter | function ["of"] argument | '(' expression ')'
 *
 * An operator whose right side is none is given back: the longest expression that is there counts. What is
 * emitted is made of this file's own tables and of digits, so that nobody's text becomes code. */
#include <ctype.h>
#include <string.h>

#include "provider/offline/offline.h"

enum { DEPTH_MAX = 40, PYTHON_MAX = 4 << 10, ARGUMENTS_MAX = 20 };

struct function {
    const char *said;      /* "square root of": longer ones first where one begins another */
    const char *name;      /* as written for people */
    const char *python[3]; /* by flavour; NULL: not there */
    bool angle;
};
static const struct function functions[] = {
    {"square root of the", "sqrt", {"math.sqrt", "np.sqrt", "sqrt"}, false},
    {"square root of", "sqrt", {"math.sqrt", "np.sqrt", "sqrt"}, false},
    {"square root", "sqrt", {"math.sqrt", "np.sqrt", "sqrt"}, false},
    {"cube root of", "cbrt", {"math.cbrt", "np.cbrt", "cbrt"}, false},
    {"factorial of", "factorial", {"math.factorial", NULL, "factorial"}, false},
    {"factorial", "factorial", {"math.factorial", NULL, "factorial"}, false},
    {"absolute value of", "abs", {"abs", "np.abs", "Abs"}, false},
    {"natural logarithm of", "ln", {"math.log", "np.log", "log"}, false},
    {"natural log of", "ln", {"math.log", "np.log", "log"}, false},
    {"logarithm of", "ln", {"math.log", "np.log", "log"}, false},
    {"greatest common divisor of", "gcd", {"math.gcd", NULL, "gcd"}, false},
    {"least common multiple of", "lcm", {"math.lcm", NULL, "lcm"}, false},
    {"arcsin", "arcsin", {"math.asin", "np.arcsin", "asin"}, false},
    {"arccos", "arccos", {"math.acos", "np.arccos", "acos"}, false},
    {"arctan", "arctan", {"math.atan", "np.arctan", "atan"}, false},
    {"sinh", "sinh", {"math.sinh", "np.sinh", "sinh"}, false},
    {"cosh", "cosh", {"math.cosh", "np.cosh", "cosh"}, false},
    {"tanh", "tanh", {"math.tanh", "np.tanh", "tanh"}, false},
    {"asin", "arcsin", {"math.asin", "np.arcsin", "asin"}, false},
    {"acos", "arccos", {"math.acos", "np.arccos", "acos"}, false},
    {"atan", "arctan", {"math.atan", "np.arctan", "atan"}, false},
    {"sine", "sin", {"math.sin", "np.sin", "sin"}, true},
    {"cosine", "cos", {"math.cos", "np.cos", "cos"}, true},
    {"tangent", "tan", {"math.tan", "np.tan", "tan"}, true},
    {"sin", "sin", {"math.sin", "np.sin", "sin"}, true},
    {"cos", "cos", {"math.cos", "np.cos", "cos"}, true},
    {"tan", "tan", {"math.tan", "np.tan", "tan"}, true},
    {"exp", "exp", {"math.exp", "np.exp", "exp"}, false},
    {"log10", "log10", {"math.log10", "np.log10", NULL}, false},
    {"log2", "log2", {"math.log2", "np.log2", NULL}, false},
    {"ln", "ln", {"math.log", "np.log", "log"}, false},
    {"log", "ln", {"math.log", "np.log", "log"}, false},
    {"sqrt", "sqrt", {"math.sqrt", "np.sqrt", "sqrt"}, false},
    {"\xe2\x88\x9a", "sqrt", {"math.sqrt", "np.sqrt", "sqrt"}, false},
    {"cbrt", "cbrt", {"math.cbrt", "np.cbrt", "cbrt"}, false},
    {"abs", "abs", {"abs", "np.abs", "Abs"}, false},
    {"floor", "floor", {"math.floor", "np.floor", "floor"}, false},
    {"ceil", "ceil", {"math.ceil", "np.ceil", "ceiling"}, false},
    {"round", "round", {"round", "np.round", NULL}, false},
    {"gcd", "gcd", {"math.gcd", NULL, "gcd"}, false},
    {"lcm", "lcm", {"math.lcm", NULL, "lcm"}, false},
    {"min", "min", {"min", NULL, NULL}, false},
    {"max", "max", {"max", NULL, NULL}, false},
};
struct word {
    const char *said, *python, *written;
};
static const struct word sums[] = {{"+", " + ", " + "}, {"-", " - ", " - "},
    {"\xe2\x88\x92", " - ", " - "}, {"plus", " + ", " + "}, {"minus", " - ", " - "},
    {NULL, NULL, NULL}};
static const struct word products[] = {{"% of", " / 100 * ", "% of "},
    {"percent of", " / 100 * ", "% of "}, {"//", " // ", " // "}, {"*", " * ", " * "},
    {"/", " / ", " / "}, {"\xc3\x97", " * ", " * "}, {"\xc3\xb7", " / ", " / "},
    {"\xc2\xb7", " * ", " * "}, {"times", " * ", " * "}, {"multiplied by", " * ", " * "},
    {"divided by", " / ", " / "}, {"over", " / ", " / "}, {"modulo", " % ", " mod "},
    {"mod", " % ", " mod "}, {NULL, NULL, NULL}};
static const struct word powers[] = {{"**", " ** ", "^"}, {"^", " ** ", "^"},
    {"to the power of", " ** ", "^"}, {"raised to the power of", " ** ", "^"},
    {"raised to", " ** ", "^"}, {NULL, NULL, NULL}};
static const struct word constants[3][4] = {{{"pi", "math.pi", "pi"}, {"\xcf\x80", "math.pi", "pi"},
                                                {"e", "math.e", "e"}, {NULL, NULL, NULL}},
    {{"pi", "np.pi", "pi"}, {"\xcf\x80", "np.pi", "pi"}, {"e", "np.e", "e"}, {NULL, NULL, NULL}},
    {{"pi", "pi", "pi"}, {"\xcf\x80", "pi", "pi"}, {"e", "E", "e"}, {NULL, NULL, NULL}}};

struct parser {
    const char *at;
    enum offline_flavour flavour;
    const char *allowed;
    struct offline_expression *x;
    unsigned depth;
};
/* Where a parser stands, to go back to. */
struct place {
    const char *at;
    size_t python, written;
};

static bool expression(struct parser *p);
static bool factor(struct parser *p);

static struct place here(const struct parser *p)
{
    return (struct place){p->at, p->x->python.length, p->x->written.length};
}
static bool back(struct parser *p, struct place to)
{
    p->at = to.at;
    p->x->python.length = to.python;
    p->x->written.length = to.written;
    return false;
}
static void emit(struct parser *p, const char *python, const char *written)
{
    strbuf_puts(&p->x->python, python);
    strbuf_puts(&p->x->written, written);
}
static void blanks(struct parser *p)
{
    while (*p->at == ' ')
        p->at++;
}

/* Is `said` what comes next? A word must end there. */
static bool next(struct parser *p, const char *said)
{
    size_t n = strlen(said);
    if (strncmp(p->at, said, n) != 0 ||
        (isalpha((unsigned char)said[n - 1]) && isalpha((unsigned char)p->at[n])))
        return false;
    p->at += n;
    return true;
}
static const struct word *next_of(struct parser *p, const struct word *words)
{
    blanks(p);
    for (; words->said != NULL; words++)
        if (next(p, words->said))
            return words;
    return NULL;
}

/* ---- atoms ------------------------------------------------------------------------------------------- */

/* 1,234.50 and 6.02e23, as Python reads them: no marks, no leading zeros. */
static bool number(struct parser *p)
{
    char plain[80];
    size_t n = 0;
    bool point = false;
    const char *c = p->at;
    for (; n + 8 < sizeof(plain); c++) {
        if (isdigit((unsigned char)*c)) {
            if (n == 1 && plain[0] == '0' && !point)
                n = 0;
            plain[n++] = *c;
        } else if (*c == '.' && !point && isdigit((unsigned char)c[1])) {
            if (n == 0)
                plain[n++] = '0';
            plain[n++] = '.';
            point = true;
        } else if (*c != ',' || point || n == 0 || n > 15 || strspn(c + 1, "0123456789") != 3)
            break;
    }
    if (n == 0)
        return false;
    size_t sign = *c == 'e' && (c[1] == '+' || c[1] == '-');
    if (*c == 'e' && isdigit((unsigned char)c[1 + sign])) {
        size_t length = 1 + sign + strspn(c + 1 + sign, "0123456789");
        if (length > 5)
            return false;
        memcpy(plain + n, c, length);
        n += length;
        c += length;
    }
    plain[n] = 0;
    p->at = c;
    emit(p, plain, plain);
    return true;
}

static bool parenthesis(struct parser *p)
{
    struct place start = here(p);
    p->at++;
    emit(p, "(", "(");
    if (!expression(p))
        return back(p, start);
    blanks(p);
    if (*p->at != ')')
        return back(p, start);
    p->at++;
    emit(p, ")", ")");
    return true;
}

/* "sin(x)", "sqrt 2", "gcd(12, 18)", "gcd of 12 and 18". */
static bool call(struct parser *p, const struct function *f)
{
    struct place start = here(p);
    p->at += strlen(f->said);
    blanks(p);
    if (next(p, "of"))
        blanks(p);
    if (next(p, "the"))
        blanks(p);
    bool open = *p->at == '(';
    p->at += open;
    emit(p, f->python[p->flavour], f->name);
    emit(p, "(", "(");
    bool several = strcmp(f->name, "gcd") == 0 || strcmp(f->name, "lcm") == 0 ||
                   strcmp(f->name, "min") == 0 || strcmp(f->name, "max") == 0;
    for (unsigned i = 0;; i++) {
        if (i > ARGUMENTS_MAX || !(open || several ? expression(p) : factor(p)))
            return back(p, start);
        blanks(p);
        if (!(open || several) || !(*p->at == ',' || (several && next(p, "and"))))
            break;
        p->at += *p->at == ',';
        emit(p, ", ", ", ");
    }
    if (open && *p->at != ')')
        return back(p, start);
    p->at += open;
    emit(p, ")", ")");
    p->x->operated = true;
    p->x->angle |= f->angle;
    p->x->pole |= strcmp(f->name, "tan") == 0;
    p->x->big |= strcmp(f->name, "factorial") == 0;
    return true;
}

static bool letter(struct parser *p)
{
    char c = *p->at, text[2] = {c, 0};
    if (c < 'a' || c > 'z' || isalpha((unsigned char)p->at[1]))
        return false;
    if (p->allowed != NULL && strchr(p->allowed, c) == NULL)
        return false;
    char *known = p->x->variables;
    if (strchr(known, c) == NULL) {
        size_t n = strlen(known);
        if (n + 1 >= sizeof(p->x->variables))
            return false;
        known[n] = c;
        known[n + 1] = 0;
    }
    p->at++;
    emit(p, text, text);
    return true;
}

static bool atom(struct parser *p)
{
    blanks(p);
    if (isdigit((unsigned char)*p->at) || (*p->at == '.' && isdigit((unsigned char)p->at[1])))
        return number(p);
    if (*p->at == '(')
        return parenthesis(p);
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        const struct function *f = &functions[i];
        size_t n = strlen(f->said);
        if (f->python[p->flavour] != NULL && strncmp(p->at, f->said, n) == 0 &&
            !isalnum((unsigned char)p->at[n]) && call(p, f))
            return true;
    }
    const char *start = p->at;
    const struct word *c = next_of(p, constants[p->flavour]);
    if (c != NULL) {
        emit(p, c->python, c->written);
        p->x->operated = true;
        return true;
    }
    p->at = start;
    return letter(p);
}

/* ---- operators --------------------------------------------------------------------------------------- */

/* Puts text before what was emitted since `from`, and after it. */
static void wrap(struct parser *p, struct place from, const char *before, const char *after)
{
    struct strbuf *b = &p->x->python;
    char inner[PYTHON_MAX];
    size_t n = b->length - from.python;
    if (b->failed || n >= sizeof(inner))
        return;
    memcpy(inner, b->data + from.python, n);
    b->length = from.python;
    strbuf_puts(b, before);
    strbuf_append(b, inner, n);
    strbuf_puts(b, after);
}

static bool postfix(struct parser *p)
{
    static const struct {
        const char *said, *before, *after, *written;
    } marks[] = {{"squared", "(", " ** 2)", "^2"}, {"cubed", "(", " ** 3)", "^3"},
        {"\xc2\xb2", "(", " ** 2)", "^2"}, {"\xc2\xb3", "(", " ** 3)", "^3"},
        {"degrees", "math.radians(", ")", " degrees"},
        {"\xc2\xb0", "math.radians(", ")", " degrees"}};
    struct place start = here(p);
    if (!atom(p))
        return false;
    for (;;) {
        struct place end = here(p);
        bool found = false;
        blanks(p);
        for (size_t i = 0; i < sizeof(marks) / sizeof(*marks) && !found; i++) {
            if (p->flavour != FLAVOUR_MATH && marks[i].before[0] == 'm')
                continue;
            if (next(p, marks[i].said)) {
                wrap(p, start, marks[i].before, marks[i].after);
                strbuf_puts(&p->x->written, marks[i].written);
                p->x->operated = found = true;
            }
        }
        if (!found && (next(p, "factorial") || (*p->at == '!' && p->at[1] != '=')) &&
            p->flavour != FLAVOUR_NUMPY) {
            p->at += *p->at == '!';
            wrap(p, start, p->flavour == FLAVOUR_MATH ? "math.factorial(" : "factorial(", ")");
            strbuf_puts(&p->x->written, "!");
            p->x->operated = p->x->big = found = true;
        }
        if (!found) {
            back(p, end);
            return true;
        }
    }
}

static bool factor(struct parser *p)
{
    struct place start = here(p);
    if (p->depth >= DEPTH_MAX || p->x->python.length > PYTHON_MAX - 200)
        return false;
    p->depth++;
    blanks(p);
    bool good;
    if ((*p->at == '-' || *p->at == '+') && p->at[1] != 0) {
        emit(p, *p->at == '-' ? "-" : "", *p->at == '-' ? "-" : "");
        p->at++;
        good = factor(p);
    } else if ((good = postfix(p))) {
        struct place end = here(p);
        const struct word *w = next_of(p, powers);
        if (w != NULL) {
            emit(p, w->python, w->written);
            if (factor(p))
                p->x->operated = p->x->big = true;
            else
                w = NULL;
        }
        if (w == NULL)
            back(p, end);
    }
    p->depth--;
    return good ? true : back(p, start);
}

/* May a factor follow without a sign, as in 2x, 2(3+4), x sin x? Never a number. */
static bool implied(struct parser *p)
{
    char c = *p->at;
    if (!(c == '(' || isalpha((unsigned char)c) || (unsigned char)c >= 0x80))
        return false;
    struct place start = here(p);
    emit(p, " * ", " ");
    if (!factor(p))
        return back(p, start);
    p->x->operated = true;
    return true;
}

static bool term(struct parser *p)
{
    if (!factor(p))
        return false;
    for (;;) {
        struct place end = here(p);
        const struct word *w = next_of(p, products);
        if (w == NULL && *p->at == 'x' && p->at > end.at &&
            (p->allowed != NULL && strchr(p->allowed, 'x') == NULL) && p->at[1] == ' ') {
            static const struct word times = {"x", " * ", " * "};
            p->at++;
            w = &times;
        }
        if (w == NULL) {
            blanks(p);
            if (!implied(p)) {
                back(p, end);
                return true;
            }
            continue;
        }
        size_t variables = strlen(p->x->variables);
        emit(p, w->python, w->written);
        if (!factor(p)) {
            back(p, end);
            return true;
        }
        p->x->operated = true;
        p->x->pole |= w->python[1] == '/' && (variables > 0 || p->x->variables[0] != 0);
    }
}

/* "5%" by itself, which no "of" follows. */
static bool expression(struct parser *p)
{
    if (p->depth >= DEPTH_MAX)
        return false;
    p->depth++;
    bool good = term(p);
    while (good) {
        struct place end = here(p);
        const struct word *w = next_of(p, sums);
        if (w == NULL) {
            back(p, end);
            break;
        }
        emit(p, w->python, w->written);
        if (!term(p)) {
            back(p, end);
            break;
        }
        p->x->operated = true;
    }
    p->depth--;
    return good;
}

void offline_expression_init(struct offline_expression *x)
{
    *x = (struct offline_expression){
        .python = STRBUF_INIT(PYTHON_MAX), .written = STRBUF_INIT(PYTHON_MAX)};
}
void offline_expression_deinit(struct offline_expression *x)
{
    strbuf_deinit(&x->python);
    strbuf_deinit(&x->written);
}

size_t offline_expression(const char *low, enum offline_flavour flavour, const char *allowed,
    struct offline_expression *ret)
{
    struct parser p = {.at = low, .flavour = flavour, .allowed = allowed, .x = ret};
    strbuf_clear(&ret->python);
    strbuf_clear(&ret->written);
    ret->variables[0] = 0;
    ret->operated = ret->big = ret->angle = ret->pole = false;
    if (!expression(&p) || ret->python.failed || ret->written.failed || ret->python.length == 0)
        return 0;
    ret->python.data[ret->python.length] = 0;
    ret->written.data[ret->written.length] = 0;
    return (size_t)(p.at - low);
}
