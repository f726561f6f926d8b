/* dates.c - days between dates, weekdays, and dates some days away. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "provider/offline/offline.h"

enum { DATES_MAX = 2 };
static const char months[] = "jan*|feb*|mar|march|apr*|may|jun*|jul*|aug*|sep*|oct*|nov*|dec*";

/* "2024-05-01", "1 May 2024", "May 1, 2024", "today": a Python expression, and where it ends. NULL: none. */
static const char *date_at(const char *low, const char *at, char ret[40])
{
    static const char names[12][4] = {
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
    int year, month, day, n = 0;
    size_t length;
    if (at > low && isalnum((unsigned char)at[-1]))
        return NULL;
    if (offline_find(at, "today|now", &length) == at && strncmp(at, "today", 5) == 0) {
        snprintf(ret, 40, "date.today()");
        return at + length;
    }
    if (sscanf(at, "%4d-%2d-%2d%n", &year, &month, &day, &n) == 3 ||
        sscanf(at, "%4d/%2d/%2d%n", &year, &month, &day, &n) == 3) {
        at += n;
    } else {
        day = 0;
        if (isdigit((unsigned char)*at)) {
            day = (int)strtol(at, (char **)&at, 10);
            at += strncmp(at, "st", 2) == 0 || strncmp(at, "nd", 2) == 0 ||
                          strncmp(at, "rd", 2) == 0 || strncmp(at, "th", 2) == 0
                      ? 2
                      : 0;
            at += strspn(at, " .");
            at += strncmp(at, "of ", 3) == 0 ? 3 : 0;
        }
        if (offline_find(at, months, &length) != at)
            return NULL;
        for (month = 0; month < 12 && strncmp(at, names[month], 3) != 0; month++)
            ;
        month++;
        at += length;
        at += strspn(at, " .");
        if (day == 0 && isdigit((unsigned char)*at)) {
            day = (int)strtol(at, (char **)&at, 10);
            at += strspn(at, "stndrh");
        }
        at += strspn(at, " ,");
        if (!isdigit((unsigned char)*at))
            return NULL;
        year = (int)strtol(at, (char **)&at, 10);
    }
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 ||
        isdigit((unsigned char)*at))
        return NULL;
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > days[month - 1] || (month == 2 && day == 29 && !leap))
        return NULL;
    snprintf(ret, 40, "date(%d, %d, %d)", year, month, day);
    return at;
}

bool offline_dates(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    char dates[DATES_MAX + 1][40], both[96], shift[32];
    size_t n = 0;
    for (const char *at = low; *at != 0 && n <= DATES_MAX;) {
        const char *end = date_at(low, at, dates[n]);
        n += end != NULL;
        at = end != NULL && end > at ? end : at + 1;
    }
    if (offline_has(low, "csv|chart|plot|file|data|sample"))
        return false;
    bool until = n == 1 && strcmp(dates[0], "date.today()") != 0 &&
                 offline_has(low,
                     "how many days|days until|days since|how long until|how long since|days to");
    if ((n == 2 && offline_has(low, "days|weeks|between|until|from|long|difference|since")) ||
        until) {
        bool since = offline_has(low, "since");
        snprintf(both, sizeof(both), "%s, %s", until && !since ? "date.today()" : dates[0],
            until ? (since ? "date.today()" : dates[0]) : dates[1]);
        struct offline_step *s = offline_step(plan, OFFLINE_RUN, "I count the days.");
        if (s != NULL)
            OFFLINE_TEMPLATE(&s->code, "days_between", {"dates", both});
        plan->named = true;
        return s != NULL;
    }
    struct offline_number numbers[8];
    size_t count = offline_numbers(low, numbers, 8);
    long days = 0;
    for (size_t i = 0; i < count; i++) {
        const char *unit = numbers[i].end + strspn(numbers[i].end, " ");
        long each = strncmp(unit, "day", 3) == 0 ? 1 : strncmp(unit, "week", 4) == 0 ? 7 : 0;
        if (each != 0 && numbers[i].value < 1000000)
            days = (long)numbers[i].value * each;
    }
    bool asked = offline_has(low,
        "weekday|day of the week|what day|which day|what date|which date|day was|day is|leap year|today's date|the date");
    bool from = days != 0 &&
                (n == 1 || offline_has(low, "from now|ago|from today|after today|in")) &&
                offline_has(low, "day*|date|when|what|weeks");
    if (n > 1 || (n == 0 && !offline_has(low, "today|today's|ago|from now")) ||
        (!asked && !(from && days != 0)))
        return false;
    if (offline_has(low, "before|ago|minus|earlier"))
        days = -days;
    snprintf(shift, sizeof(shift), "%ld", days);
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, "I look at the calendar.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "weekday", {"day", n == 1 ? dates[0] : "date.today()"},
            {"shift", shift}, {"shifted", days != 0 ? "" : NULL});
    plan->named = true;
    return s != NULL;
}

bool offline_now(const struct offline_turn *turn, struct offline_plan *plan)
{
    const char *low = turn->text.low;
    if (turn->text.length > 60 ||
        !offline_has(low, "what time is it|what is the time|current time|time now|what's the time"))
        return false;
    struct offline_step *s = offline_step(plan, OFFLINE_RUN, "I look at the session's clock.");
    if (s != NULL)
        OFFLINE_TEMPLATE(&s->code, "now");
    plan->named = true;
    return s != NULL;
}
