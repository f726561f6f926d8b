import random

count = 10  # @
low, high = 1, 100  # @bounds

numbers = [random.randint(low, high) for _ in range(count)]
# @if coin
heads = sum(numbers)
print(f"{count:,} coin flips: {heads:,} heads and {count - heads:,} tails.")
# @end
# @if dice
print(f"{count:,} rolls of a die with {high} sides: {', '.join(map(str, numbers[:100]))}{'…' if count > 100 else '.'}")
print(f"Their mean is {sum(numbers) / count:.3g}; {(low + high) / 2:g} is expected.")
# @end
# @if numbers
print(f"{count:,} random whole numbers from {low:,} to {high:,}: {', '.join(map(str, numbers[:200]))}{'…' if count > 200 else '.'}")
# @end
