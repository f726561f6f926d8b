#include "cli/confine.h"

#include <string.h>

#include "sandbox/filter.h"
#include "sandbox/landlock.h"

int confine_self(int state, struct error *e)
{
    int r = landlock_confine_server(landlock_abi(), state);
#ifndef CLOCHE_SANITIZED /* the leak check traces its own process */
    if (r == 0)
        r = filter_load_server();
#endif
    return r < 0
               ? error_set(e, ERROR_INTERNAL, -r, "Cloche cannot confine itself: %s.", strerror(-r))
               : 0;
}
