count = 10  # @

numbers = [0, 1]
while len(numbers) < count:
    numbers.append(numbers[-1] + numbers[-2])
numbers = numbers[:count]

print(f"The first {count} Fibonacci numbers are {', '.join(map(str, numbers))}.")
if count > 10:
    print(f"The ratio of the last two, {numbers[-1] / numbers[-2]:.6f}, is close to the golden ratio, 1.618034.")
# @if plot

import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.bar(range(1, count + 1), numbers, color="#8fb0cf")
left.set_title(f"The first {count} Fibonacci numbers", loc="left", fontweight="bold")
left.yaxis.set_major_formatter("{x:,.0f}")
right.semilogy(range(2, count + 1), numbers[1:], "o-", color="#234f7d", markersize=4)
right.set_title("The same, on a logarithmic scale", loc="left", fontweight="bold")
for axis in (left, right):
    axis.set_xlabel("place")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#e4e6e8")
    axis.set_axisbelow(True)
# @if save
figure.savefig("fibonacci.png", dpi=150)
# @end
plt.show()
# @end
