import random

count = 100  # @
rng = random.Random(7)  # made-up data, the same each time

rows = []
for number in range(count):
    x = rng.uniform(0, 100)
    rows.append({"id": number + 1, "group": rng.choice("ABC"), "x": round(x, 2), "y": round(0.7 * x + rng.gauss(0, 12), 2)})
