/* state.h - the state directory as the command line sees it: who owns it, and how to become that one.
 *
 * The store in it belongs to the server's user. A tool that root starts (`cloche key`, the look for
 * keys in `cloche serve`) must become that user before it opens the store, or it would leave files
 * behind that the server cannot write. Nothing here reads the store but state_has_keys(). */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Root: whom the server becomes: user `cloche` if there is one, else the first id of Cloche's range.
 * Others: themselves. */
void state_server_identity(uid_t *ret_uid, gid_t *ret_gid);
/* Opens the directory, making it (0700, the server's) when it is missing. When root finds it owned by
 * root it is given to the server. The descriptor, or -errno. */
int state_open(const char *path, struct error *e);
/* Becomes the owner of an open directory, for good: groups, gid, uid, umask 077. 0; -EPERM naming the
 * owner when only root could. */
int state_become_owner(int dir, struct error *e);
/* Was a key ever made there? Asks in a child that becomes the owner. 1, 0, or -errno. */
int state_has_keys(int dir, struct error *e);
