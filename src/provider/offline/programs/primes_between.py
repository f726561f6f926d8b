low, high = 1, 100  # @bounds

is_prime = bytearray([1]) * (high + 1)
is_prime[0:2] = b"\0\0"[: high + 1]
for n in range(2, int(high ** 0.5) + 1):  # the sieve of Eratosthenes
    if is_prime[n]:
        is_prime[n * n::n] = bytes(len(is_prime[n * n::n]))
primes = [n for n in range(low, high + 1) if is_prime[n]]

if len(primes) > 400:
    print(f"There are {len(primes):,} prime numbers between {low:,} and {high:,}; the last is {primes[-1]:,}.")
    print(f"The first 50 are {', '.join(map(str, primes[:50]))}.")
else:
    print(f"The {len(primes)} prime numbers between {low:,} and {high:,} are {', '.join(map(str, primes))}.")
# @if plot

import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
axis.step([low, *primes, high], [*range(len(primes) + 1), len(primes)], where="post", color="#234f7d")
axis.set_title(f"How many primes there are up to x, from {low} to {high}", loc="left", fontweight="bold")
axis.spines[["top", "right"]].set_visible(False)
axis.grid(axis="y", color="#e4e6e8")
# @if save
figure.savefig("primes.png", dpi=150)
# @end
plt.show()
# @end
