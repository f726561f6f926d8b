import math
import random

count = 1_000_000  # @

rng = random.Random(7)
inside = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(count))
estimate = 4 * inside / count
print(f"Of {count:,} random points in a square {inside:,} fall into the quarter circle, so π is about {estimate:.5f}.")
print(f"It is {math.pi:.5f}; the estimate is off by {abs(estimate - math.pi):.5f}.")
