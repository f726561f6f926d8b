#include "cli/bench.h"

#include <sys/mman.h>
#include <unistd.h>

enum { ZONE_PAGES_MAX = 1 << 24 };

int64_t bench_memory_free(void)
{
    char line[256];
    long long value, total = 0;
    FILE *f = fopen("/proc/meminfo", "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "MemAvailable: %lld kB", &value) == 1)
            total += value * 1024;
    if (f != NULL)
        fclose(f);
    f = fopen("/proc/zoneinfo", "re"); /* pages on per-cpu lists count as used in MemAvailable */
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, " count: %lld", &value) == 1 && value > 0 && value < ZONE_PAGES_MAX)
            total += value * sysconf(_SC_PAGESIZE);
    if (f != NULL)
        fclose(f);
    return total;
}

void bench_memory_touch(uint64_t bytes)
{
    int64_t most = bench_memory_free() / 2;
    if (bytes > (uint64_t)most)
        bytes = (uint64_t)most;
    char *p = mmap(
        NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p != MAP_FAILED)
        munmap(p, bytes);
}
