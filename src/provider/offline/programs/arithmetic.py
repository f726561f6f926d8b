import math
# @if big
import sys

sys.set_int_max_str_digits(0)  # results may have thousands of digits
# @end

expression = "2 + 2"  # @text
result = 2 + 2  # @

# @if big
digits = str(result)
if len(digits) > 2000:
    print(f"{expression} has {len(digits):,} digits, from {digits[:50]}… to …{digits[-50:]}.")
else:
    print(f"{expression} = {result}.")
# @end
# @if !big
print(f"{expression} = {result:.12g}." if isinstance(result, float) else f"{expression} = {result}.")
# @end
