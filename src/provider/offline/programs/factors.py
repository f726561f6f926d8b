number = 360  # @

factors, rest, divisor = [], number, 2
while divisor * divisor <= rest:
    while rest % divisor == 0:
        factors.append(divisor)
        rest //= divisor
    divisor += 1 if divisor == 2 else 2
if rest > 1:
    factors.append(rest)

if number < 2:
    print(f"{number} has no prime factors: primes begin at 2.")
elif len(factors) == 1:
    print(f"{number:,} is a prime number.")
else:
    print(f"{number:,} is not prime: {number:,} = {' × '.join(f'{factor:,}' for factor in factors)}.")
