/* caps.h - Linux capabilities as bit sets. Used by supervisor, warden, init and zygote after clone. */
#pragma once
#include <linux/capability.h>
#include <stdint.h>

#define CAP_BIT(c) (UINT64_C(1) << (c))

/* Keeps exactly keep (of what is there) permitted and effective, and inherit inheritable; raises
 * inherit as ambient too when `ambient`. The bounding set is left alone. 0 or -errno. */
int caps_keep(uint64_t keep, uint64_t inherit, int ambient);
/* Sets the effective set only, within the permitted one. 0 or -errno. */
int caps_effective(uint64_t effective);
/* Empties the bounding set, as far as CAP_SETPCAP allows. 0 or -errno. */
int caps_drop_bounding(void);
/* Gives up everything but `keep` for good: also what a program of root's would be given. 0 or -errno. */
int caps_limit(uint64_t keep);
