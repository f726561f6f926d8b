count = 10  # @

primes = []
candidate = 2
while len(primes) < count:
    if all(candidate % prime for prime in primes if prime * prime <= candidate):
        primes.append(candidate)
    candidate += 1

print(f"The first {count} prime numbers are {', '.join(map(str, primes))}.")
# @if plot

import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
axis.plot(range(1, count + 1), primes, "o-", color="#234f7d", markersize=4)
axis.set_title(f"The first {count} prime numbers", loc="left", fontweight="bold")
axis.set_xlabel("place")
axis.spines[["top", "right"]].set_visible(False)
axis.grid(axis="y", color="#e4e6e8")
# @if save
figure.savefig("primes.png", dpi=150)
# @end
plt.show()
# @end
