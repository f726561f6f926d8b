/* functions.c - equations, derivatives and integrals (by SymPy), and plots of functions of x. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

enum { EQUATIONS_MAX = 4, CURVES_MAX = 5 };
static const char drawing[] = "plot*|draw*|graph*|sketch*|chart*|visuali*|curve*|wave*|show me";

static bool starts_here(const char *low, const char *at)
{
    return *at != ' ' &&
           (at == low || !(isalnum((unsigned char)at[-1]) || at[-1] == '.' || at[-1] == '_'));
}

/* The leftmost place from which an expression reaches to `end`. NULL: none. */
static const char *reaching(
    const char *low, const char *from, const char *end, struct offline_expression *x)
{
    for (const char *at = from; at < end; at++) {
        if (!starts_here(low, at))
            continue;
        size_t n = offline_expression(at, FLAVOUR_SYMPY, NULL, x);
        if (n > 0 && at + n + strspn(at + n, " ") == end)
            return at;
    }
    return NULL;
}

static void letters_add(char all[16], const char *more)
{
    for (; *more != 0; more++) {
        size_t n = strlen(all);
        if (strchr(all, *more) == NULL && n + 1 < 16) {
            all[n] = *more;
            all[n + 1] = 0;
        }
    }
}

/* "sp.symbols("x y", seq=True)" of the unknowns: those asked for, else as many as there are equations. */
static void unknowns_put(struct strbuf *out, const char *low, const char *letters, size_t equations)
{
    char chosen[16] = "";
    const char *asked = offline_find(low, "for", NULL);
    if (asked != NULL && isalpha((unsigned char)asked[4]) && !isalpha((unsigned char)asked[5]) &&
        strchr(letters, asked[4]) != NULL)
        letters_add(chosen, (char[]){asked[4], 0});
    else if (strlen(letters) > equations && strchr(letters, 'x') != NULL && equations == 1)
        letters_add(chosen, "x");
    else
        letters_add(chosen, letters);
    strbuf_puts(out, "sp.symbols(\"");
    for (size_t i = 0; chosen[i] != 0; i++)
        strbuf_printf(out, "%s%c", i > 0 ? " " : "", chosen[i]);
    strbuf_puts(out, "\", seq=True)");
}

bool offline_equation(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low, *from = low;
    struct offline_expression left, right;
    cleanup_strbuf struct strbuf list = STRBUF_INIT(OFFLINE_TEXT_MAX), unknowns = STRBUF_INIT(200);
    char letters[16] = "";
    size_t n = 0, length;
    if (offline_has(low, "plot*|draw*|graph*|sketch*|chart*|csv|excel") ||
        strstr(low, "==") != NULL)
        return false;
    offline_expression_init(&left);
    offline_expression_init(&right);
    strbuf_puts(&list, "[");
    for (const char *equals; n < EQUATIONS_MAX && (equals = strchr(from, '=')) != NULL;
         from = equals + 1) {
        const char *begin = reaching(low, from, equals, &left);
        const char *then = equals + 1 + strspn(equals + 1, " ");
        length = begin != NULL ? offline_expression(then, FLAVOUR_SYMPY, NULL, &right) : 0;
        if (length == 0 || (left.variables[0] == 0 && right.variables[0] == 0))
            continue;
        if (strcmp(strbuf_text(&left.python), "y") == 0 && strcmp(right.variables, "x") == 0 &&
            strchr(equals + 1, '=') == NULL)
            break; /* y = x^2 is a curve */
        letters_add(letters, left.variables);
        letters_add(letters, right.variables);
        strbuf_printf(
            &list, "%s(\"%s\", \"%s\")", n > 0 ? ", " : "", left.python.data, right.python.data);
        n++;
    }
    const char *roots =
        n == 0 ? offline_find(low,
                     "roots of|zeros of|zeroes of|solve|root of|solutions of|solutions to", &length)
               : NULL;
    for (const char *at = roots != NULL ? roots + length : ""; *at != 0 && n == 0; at++)
        if (starts_here(low, at) && offline_expression(at, FLAVOUR_SYMPY, NULL, &left) > 1 &&
            left.variables[0] != 0 && left.operated) {
            letters_add(letters, left.variables);
            strbuf_printf(&list, "(\"%s\", \"0\")", left.python.data);
            n++;
        }
    if (n == 0 && offline_has(low, "polynomial*|quadratic*") &&
        offline_has(low, "root|roots|solve*|zeros")) {
        strbuf_puts(&list,
            "(\"x ** 3 - 6 * x ** 2 + 11 * x - 6\", \"0\")"); /* none was given: an example */
        letters_add(letters, "x");
        n++;
    }
    strbuf_puts(&list, "]");
    unknowns_put(&unknowns, low, letters, n);
    struct offline_step *s = n > 0 ? offline_step(plan, OFFLINE_RUN,
                                         n > 1 ? "I solve the equations with SymPy."
                                               : "I solve the equation with SymPy.")
                                   : NULL;
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "solve", {"unknowns", unknowns.data}, {"equations", list.data});
    plan->named = true;
    offline_expression_deinit(&left);
    offline_expression_deinit(&right);
    return s != NULL;
}

/* ---- calculus -------------------------------------------------------------------------------------------- */

/* "from A to B" or "between A and B", as Python of that flavour: "A, B". */
static bool range(
    const char *low, enum offline_flavour flavour, const char *wrap, struct strbuf *out)
{
    struct offline_expression a, b;
    size_t n, length;
    const char *at = offline_find_last(low, "from|between|in the range|over", &length);
    bool found = false;
    offline_expression_init(&a);
    offline_expression_init(&b);
    if (at != NULL && (n = offline_expression(at + length, flavour, "", &a)) > 0) {
        at += length + n;
        at += strspn(at, " ,");
        const char *to = offline_find(at, "to|and|until", &length);
        if (to == at && offline_expression(at + length, flavour, "", &b) > 0) {
            strbuf_printf(out, "%s%s%s, %s%s%s", wrap, a.python.data, *wrap ? "\")" : "", wrap,
                b.python.data, *wrap ? "\")" : "");
            found = true;
        }
    }
    offline_expression_deinit(&a);
    offline_expression_deinit(&b);
    return found;
}

bool offline_calculus(const struct offline_turn *turn, struct offline_plan *plan)
{
    static const struct {
        const char *words, *flag, *says;
    } tasks[] = {
        {"derivative of|derivative|differentiate|d/dx", "derivative",
            "I differentiate it with SymPy."},
        {"integral of|integrate|antiderivative of", "integral", "I integrate it with SymPy."},
        {"simplify", "simplify", "I simplify it with SymPy."},
        {"expand", "expand", "I expand it with SymPy."},
        {"factor|factorize|factorise", "factor", "I factor it with SymPy."},
    };
    const char *low = turn->text.low;
    struct offline_expression x;
    offline_expression_init(&x);
    struct offline_step *s = NULL;
    for (size_t i = 0; i < sizeof(tasks) / sizeof(*tasks) && s == NULL; i++) {
        size_t length;
        const char *at = offline_find_last(low, tasks[i].words, &length);
        for (at = at != NULL ? at + length : ""; *at != 0 && s == NULL; at++) {
            if (!starts_here(low, at) || offline_expression(at, FLAVOUR_SYMPY, NULL, &x) == 0 ||
                x.variables[0] == 0 || (!x.operated && strcmp(x.variables, "x") != 0))
                continue;
            cleanup_strbuf struct strbuf limits = STRBUF_INIT(OFFLINE_TEXT_MAX);
            bool definite = i == 1 && range(low, FLAVOUR_SYMPY, "sp.sympify(\"", &limits);
            char expression[OFFLINE_TEXT_MAX], symbol[40];
            snprintf(
                expression, sizeof(expression), "sp.sympify(\"%s\", rational=True)", x.python.data);
            snprintf(symbol, sizeof(symbol), "sp.symbols(\"%c\")",
                strchr(x.variables, 'x') != NULL ? 'x' : x.variables[0]);
            s = offline_step(plan, OFFLINE_RUN, tasks[i].says);
            if (s != NULL)
                OFFLINE_TEMPLATE(&s->code, "calculus", {"symbol", symbol},
                    {"expression", expression}, {definite ? "definite" : tasks[i].flag, ""},
                    {"bounds", definite ? limits.data : NULL});
        }
    }
    plan->named = true;
    offline_expression_deinit(&x);
    return s != NULL;
}

/* ---- plots of functions -------------------------------------------------------------------------------------- */

struct named {
    const char *words, *title, *python, *range;
    bool angle, poles;
};
static const struct named named[] = {
    {"sine wave*|sin wave*|sine curve*|sin curve*|sine function|sinusoid*|sinus|sine|sin", "sin x",
        "np.sin(x)", "-2 * np.pi, 2 * np.pi", true, false},
    {"cosine wave*|cos wave*|cosine curve*|cosine function|cosine|cos", "cos x", "np.cos(x)",
        "-2 * np.pi, 2 * np.pi", true, false},
    {"tangent|tan|tangent function", "tan x", "np.tan(x)", "-2 * np.pi, 2 * np.pi", true, true},
    {"parabola|quadratic function|quadratic|x squared", "x²", "x ** 2", "-5, 5", false, false},
    {"cubic function|cubic|cube function", "x³", "x ** 3", "-5, 5", false, false},
    {"hyperbola|reciprocal", "1/x", "1 / x", "-5, 5", false, true},
    {"exponential function|exponential curve|exponential|exp", "exp x", "np.exp(x)", "-3, 3", false,
        false},
    {"logarithm*|log function|natural log|ln|log", "ln x", "np.log(x)", "0.01, 10", false, false},
    {"square root function|square root|sqrt", "√x", "np.sqrt(x)", "0, 10", false, false},
    {"absolute value", "|x|", "np.abs(x)", "-5, 5", false, false},
    {"normal distribution|gaussian*|bell curve|normal curve", "normal density",
        "np.exp(-x ** 2 / 2) / np.sqrt(2 * np.pi)", "-4, 4", false, false},
    {"sigmoid|logistic*", "sigmoid", "1 / (1 + np.exp(-x))", "-8, 8", false, false},
    {"sinc", "sin(x)/x", "np.sinc(x / np.pi)", "-20, 20", false, false},
    {"tanh|hyperbolic tangent", "tanh x", "np.tanh(x)", "-4, 4", false, false},
    {"relu", "ReLU", "np.maximum(x, 0)", "-5, 5", false, false},
    {"square wave", "square wave", "np.sign(np.sin(x))", "-2 * np.pi, 2 * np.pi", true, false},
    {"sawtooth wave|sawtooth", "sawtooth wave",
        "2 * (x / (2 * np.pi) - np.floor(0.5 + x / (2 * np.pi)))", "-2 * np.pi, 2 * np.pi", true,
        false},
    {"triangle wave", "triangle wave", "2 / np.pi * np.arcsin(np.sin(x))", "-2 * np.pi, 2 * np.pi",
        true, false},
    {"damped oscillation|damped wave|damped sine", "damped oscillation",
        "np.exp(-x / 5) * np.cos(2 * x)", "0, 20", false, false},
    {"straight line|linear function", "x", "x", "-5, 5", false, false},
};

struct curves {
    struct strbuf dictionary, title;
    const char *range;
    size_t n;
    bool angle, poles;
};

static void curve_add(struct curves *c, const char *title, const char *python,
    const char *range_text, bool angle, bool poles)
{
    cleanup_strbuf struct strbuf quoted = STRBUF_INIT(OFFLINE_TEXT_MAX);
    offline_quote(&quoted, title, strlen(title));
    if (c->n > 0 && memmem(strbuf_text(&c->dictionary), c->dictionary.length, quoted.data,
                        quoted.length) != NULL)
        return; /* said twice */
    strbuf_printf(&c->dictionary, "%s%s: %s", c->n > 0 ? ", " : "", quoted.data, python);
    strbuf_printf(&c->title, "%s%s", c->n > 0 ? " and " : "", title);
    c->range = c->n == 0 || strlen(range_text) > strlen(c->range) ? range_text : c->range;
    c->angle |= angle;
    c->poles |= poles;
    c->n++;
}

/* The curves that a text names: expressions of x, and functions by their names. */
static void curves_find(const char *low, struct curves *c)
{
    struct offline_expression x;
    offline_expression_init(&x);
    for (const char *at = low; *at != 0 && c->n < CURVES_MAX;) {
        size_t n = starts_here(low, at) ? offline_expression(at, FLAVOUR_NUMPY, "x", &x) : 0,
               best = 0;
        bool bare = at > low + 1 && at[-1] == ' ' && at[-2] == '='; /* y = x */
        if (n > 0 && x.variables[0] != 0 && (x.operated || bare) && !(n == 1 && !bare)) {
            bool trig = x.angle && strstr(x.python.data, "**") == NULL;
            curve_add(c, x.written.data, x.python.data,
                trig ? "-2 * np.pi, 2 * np.pi"
                : strstr(x.python.data, "sqrt") || strstr(x.python.data, "log") ? "0.01, 10"
                : strstr(x.python.data, "exp")                                  ? "-3, 3"
                                                                                : "-10, 10",
                trig, x.pole);
            at += n;
            continue;
        }
        const struct named *found = NULL;
        for (size_t i = 0; starts_here(low, at) && i < sizeof(named) / sizeof(*named); i++)
            if (offline_find(at, named[i].words, &n) == at && n > best) {
                found = &named[i];
                best = n;
            }
        if (found != NULL)
            curve_add(c, found->title, found->python, found->range, found->angle, found->poles);
        at += found != NULL ? best : 1;
    }
    offline_expression_deinit(&x);
}

bool offline_plot(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    bool curve = offline_find(low, "y =|y=|f(x) =|f(x)=", NULL) == low;
    if ((!curve && !offline_has(low, drawing)) ||
        offline_has(low,
            "histogram*|bar|pie|scatter*|csv|3d|3-d|surface*|distribution of|line chart|heat map|heatmap"))
        return false;
    struct curves c = {.dictionary = STRBUF_INIT(OFFLINE_TEXT_MAX),
        .title = STRBUF_INIT(OFFLINE_TEXT_MAX),
        .range = ""};
    cleanup_strbuf struct strbuf limits = STRBUF_INIT(OFFLINE_TEXT_MAX),
                                 title = STRBUF_INIT(OFFLINE_TEXT_MAX);
    struct offline_step *s = NULL;
    curves_find(low, &c);
    if (c.n > 0) {
        char says[200], dictionary[OFFLINE_TEXT_MAX + 8];
        bool given = range(low, FLAVOUR_NUMPY, "", &limits);
        snprintf(says, sizeof(says), c.title.length < 120 ? "I plot %s." : "I plot the functions.",
            strbuf_text(&c.title));
        snprintf(dictionary, sizeof(dictionary), "{%s}", strbuf_text(&c.dictionary));
        offline_quote(&title, strbuf_text(&c.title), c.title.length);
        s = offline_step(plan, OFFLINE_RUN, says);
        if (s != NULL)
            OFFLINE_TEMPLATE(&s->code, "function_plot", {"save", offline_saved(low)},
                {"range", given ? limits.data : c.range}, {"curves", dictionary},
                {"title", title.data}, {"poles", c.poles ? "" : NULL},
                {"angle", c.angle && !given ? "" : NULL});
    }
    plan->named = c.n > 0;
    strbuf_deinit(&c.dictionary);
    strbuf_deinit(&c.title);
    return s != NULL;
}
