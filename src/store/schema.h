/* schema.h - the tables, as a list of migrations. Only sqlite.c applies them, at open. */
#pragma once

/* Migration n brings user_version from n to n + 1, in one transaction. Never edit one that was
 * released: append. */
extern const char *const schema_migrations[];
extern const int schema_version; /* how many there are */
