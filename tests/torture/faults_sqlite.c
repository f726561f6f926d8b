/* SQLite's calls are made inside its own library, where --wrap does not reach: its memory comes from
 * methods that are given to it, its files from a table of calls that its VFS lets us change. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

static sqlite3_mem_methods memory;

static void *take(int n)
{
    return fault_here(FAULT_SQLITE, "sqlite's malloc") ? NULL : memory.xMalloc(n);
}
static void *retake(void *p, int n)
{
    return fault_here(FAULT_SQLITE, "sqlite's realloc") ? NULL : memory.xRealloc(p, n);
}

void fault_sqlite(void)
{
    /* These names mean the wrapped calls here. */
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {
        {"open", (sqlite3_syscall_ptr)open},
        {"read", (sqlite3_syscall_ptr)read},
        {"write", (sqlite3_syscall_ptr)write},
        {"pread", (sqlite3_syscall_ptr)pread},
        {"pwrite", (sqlite3_syscall_ptr)pwrite},
        {"ftruncate", (sqlite3_syscall_ptr)ftruncate},
        {"unlink", (sqlite3_syscall_ptr)unlink},
        {"fstat", (sqlite3_syscall_ptr)fstat},
    };
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) != SQLITE_OK)
        abort();
    sqlite3_mem_methods ours = memory;
    ours.xMalloc = take;
    ours.xRealloc = retake;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK)
        abort();
    sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (unix_vfs->xSetSystemCall(unix_vfs, calls[i].name, calls[i].call) != SQLITE_OK)
            abort();
    /* Where SQLite has names of its own for large files, the same calls stand behind them. */
    unix_vfs->xSetSystemCall(unix_vfs, "pread64", (sqlite3_syscall_ptr)pread);
    unix_vfs->xSetSystemCall(unix_vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite);
}
