/* retired.c - names of models that outlived their vendor's service: who answers for them. */
#include <fnmatch.h>

#include "provider/providers.h"

/* What OpenAI's Assistants could be told to use. */
static bool retired(const char *name)
{
    static const char *const patterns[] = {"gpt-3.5*", "gpt-4*", "o1*", "o3-mini*"};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        if (fnmatch(patterns[i], name, FNM_CASEFOLD) == 0)
            return true;
    return false;
}

int providers_route_retired(struct providers *p, const char *name, struct model_route *ret,
    bool *ret_instead, struct error *e)
{
    struct error said = {0};
    int r = providers_route(p, name, ret, &said);
    *ret_instead = r < 0 && said.code == ERROR_PROVIDER_NOT_CONFIGURED && retired(name) &&
                   providers_route(p, NULL, ret, NULL) == 0;
    if (*ret_instead)
        return 0;
    if (r < 0 && e != NULL)
        *e = said;
    return r;
}
