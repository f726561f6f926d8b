/* talk.c - what is answered without running anything, and the gallery's examples. */
#include <string.h>

#include "provider/offline/offline.h"

const char offline_signature[] =
    "*Offline analyst: rules wrote this, and any code it took; no language model took part.*";

static const char abilities[] =
    "- **Files:** attach a CSV, Excel, JSON, text or PDF file and I profile it: what is in it, gaps, statistics, "
    "correlations, outliers, trends, with figures and a written summary. Then ask about its columns: *total revenue "
    "by region*, *and the median*, *now as a bar chart*, *top 5 products*, *correlation between price and quantity*.\n"
    "- **Code:** paste Python, or put it between ```` ```python ```` and ```` ``` ````, and I run it.\n"
    "- **Numbers:** *what is 2+2*, *factorial of 20*, *first 10 primes*, *first 20 Fibonacci numbers and plot them*, *solve "
    "3x + 11 = 14*, *roots of x^2 - 5x + 6*, *derivative of x^2 sin(x)*, *compound interest on 1000 at 5% for 10 years*, *mean of "
    "3, 5, 8*, *days between 2024-01-01 and 2024-12-25*, *10 miles in km*.\n"
    "- **Pictures:** *plot a sine wave*, *plot x^2 - 3 from -5 to 5*, *bar chart of sales by quarter*, *pie chart: A 40, B "
    "35, C 25*, *heat map*, *3-D surface*; without numbers of yours the data is made up and says so.\n"
    "- **Sample data:** *create a CSV with sample sales data*, *an Excel file with 50 customers*.";
static const char connect[] =
    "To have a language model answer instead, set `OPENAI_API_KEY` or `ANTHROPIC_API_KEY` before `cloche serve`, or start "
    "Ollama on this machine: it is found by itself.";

static void reply(struct offline_plan *plan, const char *first)
{
    struct offline_step *s = offline_step(plan, OFFLINE_REPLY, first);
    if (s != NULL)
        strbuf_printf(&s->says, "\n\n%s\n\n%s", abilities, connect);
    plan->named = true;
}

bool offline_hello(const struct offline_turn *turn, struct offline_plan *plan)
{
    static const char words[] =
        "hello|hi|hey|hallo|good|morning|evening|afternoon|there|help|me|please|what|can|you|do|are|"
        "who|how|does|this|work|start|commands|capabilities|cloche|analyst|you?|your|abilities|is|i|for|use|test|a|ping";
    const char *low = turn->text.low;
    if (turn->text.length > 0 &&
        !(turn->text.length < 80 && offline_only(low, words) &&
            strpbrk(low, "0123456789=+*/") == NULL &&
            offline_has(low,
                "hello|hi|hey|hallo|good|help|what|who|how|commands|capabilities|abilities|test|ping|start")))
        return false;
    if (turn->n_files > 0)
        return false;
    reply(plan,
        "Hello. I am Cloche's offline analyst: no language model is configured, so rules answer you. They can do this:");
    return true;
}

bool offline_thanks(const struct offline_turn *turn, struct offline_plan *plan)
{
    if (turn->text.length > 60 ||
        !offline_only(turn->text.low,
            "thank|thanks|you|very|much|a|lot|great|ok|okay|cool|nice|perfect|bye|goodbye|so|good|well|done|that|is") ||
        !offline_has(turn->text.low, "thank|thanks|great|ok|okay|cool|nice|perfect|bye|goodbye"))
        return false;
    offline_step(plan, OFFLINE_REPLY,
        "You are welcome. Your files and variables stay in the session until it expires.");
    plan->named = true;
    return true;
}

/* "run the data analysis example" */
bool offline_gallery(const struct offline_turn *turn, struct offline_plan *plan)
{
    static const struct {
        const char *words, *name, *says;
    } gallery[] = {
        {"data analysis|data-analysis|sales analysis", "data_analysis",
            "I generate 100 sales records and analyse them."},
        {"math computation*|math-computation*|mathematical computation*|math example",
            "math_computation",
            "I compute Fibonacci numbers, primes and polynomial roots, and plot them."},
        {"image generation|image-generation|image example", "image_generation",
            "I draw a heat map, a 3-D surface and a pie chart."},
    };
    if (!offline_has(turn->text.low, "example*|demo*|gallery") || turn->text.length > 120)
        return false;
    for (size_t i = 0; i < sizeof(gallery) / sizeof(*gallery); i++)
        for (const struct offline_source *e = offline_examples; e->name != NULL; e++)
            if (offline_has(turn->text.low, gallery[i].words) &&
                strcmp(e->name, gallery[i].name) == 0) {
                struct offline_step *s = offline_step(plan, OFFLINE_RUN, gallery[i].says);
                if (s != NULL)
                    strbuf_puts(&s->code, e->text);
                plan->named = true;
                return true;
            }
    return false;
}

/* What would take the internet: sessions have none. */
bool offline_elsewhere(const struct offline_turn *turn, struct offline_plan *plan)
{
    static const char words[] =
        "bitcoin|btc|ethereum|crypto*|stock price*|share price*|nasdaq|exchange rate*|news|"
        "real-time|url|http*|download*|scrape|google|wikipedia|search the web|weather in|"
        "weather today|weather tomorrow|current price*|latest";
    if (!offline_has(turn->text.low, words) ||
        offline_has(turn->text.low, "sample|dummy|fake|made-up|made up|example"))
        return false;
    offline_step(plan, OFFLINE_REPLY,
        "This takes data from the internet, which sessions do not reach, and nothing here has it stored. Attach the data "
        "as a file (CSV, Excel or JSON), and I profile and plot it; or ask for a chart of *sample* data to see the form.");
    plan->named = true;
    return true;
}

bool offline_unknown(const struct offline_turn *turn, struct offline_plan *plan)
{
    (void)turn;
    reply(plan,
        "No rule of mine understands this, and there is no language model here that would: I am Cloche's offline analyst. "
        "What my rules do understand:");
    plan->named = false;
    return true;
}
