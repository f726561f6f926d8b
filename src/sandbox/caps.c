#include "caps.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int get(struct __user_cap_data_struct d[2])
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &h, d) < 0 ? -errno : 0;
}

static int set(struct __user_cap_data_struct d[2])
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

int caps_keep(uint64_t keep, uint64_t inherit, int ambient)
{
    struct __user_cap_data_struct d[2];
    int r = get(d);
    if (r < 0)
        return r;
    uint64_t have = d[0].permitted | (uint64_t)d[1].permitted << 32;
    keep &= have;
    inherit &= have;
    for (int i = 0; i < 2; i++) {
        d[i].permitted = d[i].effective = (uint32_t)(keep >> 32 * i);
        d[i].inheritable = (uint32_t)(inherit >> 32 * i);
    }
    if ((r = set(d)) < 0)
        return r;
    for (int c = 0; ambient && c < 64; c++)
        if ((inherit & CAP_BIT(c)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
            return -errno;
    return 0;
}

int caps_effective(uint64_t effective)
{
    struct __user_cap_data_struct d[2];
    int r = get(d);
    if (r < 0)
        return r;
    for (int i = 0; i < 2; i++)
        d[i].effective = (uint32_t)(effective >> 32 * i) & d[i].permitted;
    return set(d);
}

int caps_drop_bounding(void)
{
    for (int c = 0; c <= 63; c++)
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
            return errno == EINVAL ? 0 : -errno; /* EINVAL: beyond the last one */
    return 0;
}

int caps_limit(uint64_t keep)
{
    for (int c = 0; c <= 63; c++)
        if (!(keep & CAP_BIT(c)) && prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 &&
            prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
            return -errno;
    return caps_keep(keep, 0, 0);
}
