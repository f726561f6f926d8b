# Fibonacci numbers, primes, roots of polynomials, and plots of them.
import matplotlib.pyplot as plt
import numpy as np


def fibonacci(count):
    numbers = [0, 1]
    while len(numbers) < count:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:count]


def primes_to(limit):
    """The sieve of Eratosthenes."""
    is_prime = [False, False] + [True] * (limit - 1)
    for n in range(2, int(limit ** 0.5) + 1):
        if is_prime[n]:
            is_prime[n * n::n] = [False] * len(is_prime[n * n::n])
    return [n for n, prime in enumerate(is_prime) if prime]


def written(root):
    if abs(root.imag) < 1e-9:
        return f"{root.real:g}"
    return f"{root.real:g} {'+' if root.imag > 0 else '-'} {abs(root.imag):g}i"


numbers = fibonacci(20)
primes = primes_to(100)
print("The first 20 Fibonacci numbers:", ", ".join(map(str, numbers)))
print(f"Their ratio approaches the golden section: {numbers[-1] / numbers[-2]:.9f}, against {(1 + 5 ** 0.5) / 2:.9f}.")
print(f"\nThe {len(primes)} prime numbers up to 100:", ", ".join(map(str, primes)))

polynomials = {"x² - 5x + 6": [1, -5, 6], "x³ - 6x² + 11x - 6": [1, -6, 11, -6], "x² + 2x + 5": [1, 2, 5]}
print()
for text, coefficients in polynomials.items():
    roots = sorted(np.roots(coefficients), key=lambda r: (round(r.real, 9), r.imag))
    print(f"{text} = 0 has the roots {', '.join(written(complex(np.round(r, 9))) for r in roots)}.")

blue, rust, green, grey = "#234f7d", "#c8793f", "#5b8f6a", "#a9aeb3"
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
                     "axes.titleweight": "bold", "axes.axisbelow": True, "grid.color": "#e4e6e8"})
figure, axes = plt.subplots(2, 2, figsize=(9.5, 6.4), layout="constrained")

axis = axes[0, 0]
axis.semilogy(range(2, 21), numbers[1:], "o-", color=blue, markersize=4)
axis.set_title("Fibonacci numbers grow exponentially")
axis.set_xlabel("place in the sequence")
axis.set_xticks(range(2, 21, 3))

axis = axes[0, 1]
axis.step([0, *primes, 100], [*range(len(primes) + 1), len(primes)], where="post", color=blue)
x = np.linspace(2, 100, 200)
axis.plot(x, x / np.log(x), "--", color=rust, label="x / ln x")
axis.set_title("How many primes there are up to x")
axis.legend(frameon=False)

axis = axes[1, 0]
x = np.linspace(-0.5, 4.5, 400)
for (text, coefficients), colour in zip(polynomials.items(), (blue, rust, green)):
    roots = np.roots(coefficients)
    axis.plot(x, np.polyval(coefficients, x), color=colour, label=text)
    real = roots[abs(roots.imag) < 1e-9].real
    axis.plot(real, 0 * real, "o", color=colour, markersize=5)
axis.axhline(0, color=grey, linewidth=0.8)
axis.set_ylim(-4, 12)
axis.set_title("Polynomials and their real roots")
axis.legend(frameon=False, fontsize=8)

axis = axes[1, 1]
x = np.linspace(0, 4 * np.pi, 600)
axis.plot(x, np.sin(x), color=blue, label="sin x")
axis.plot(x, np.exp(-x / 5) * np.cos(3 * x), color=rust, label="exp(-x/5) cos 3x")
axis.set_xticks(np.pi * np.arange(0, 5), ["0", "π", "2π", "3π", "4π"])
axis.set_title("A wave, and one that fades")
axis.legend(frameon=False, fontsize=8, loc="upper right")

for axis in axes.flat:
    axis.grid(True)
plt.show()
