from a \
 import (
 b,
 c)
import \
 d