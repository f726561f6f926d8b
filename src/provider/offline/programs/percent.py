first, second = 80, 100  # @numbers

# @if of
print(f"{first:g}% of {second:,g} is {first / 100 * second:,.10g}.")
# @end
# @if what
print(f"{first:,g} is {first / second * 100:.6g}% of {second:,g}.")
# @end
# @if change
change = (second - first) / first * 100
print(f"From {first:,g} to {second:,g} is {'an increase' if change >= 0 else 'a decrease'} of {abs(change):.6g}%.")
# @end
# @if off
print(f"{first:g}% off {second:,g} leaves {second * (1 - first / 100):,.10g}; the discount is {second * first / 100:,.10g}.")
# @end
# @if tip
print(f"A tip of {first:g}% on {second:,g} is {second * first / 100:,.2f}, {second * (1 + first / 100):,.2f} in all.")
# @end
