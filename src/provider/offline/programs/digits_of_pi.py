count = 50  # @

# Machin's formula in whole numbers: π = 16 arctan(1/5) - 4 arctan(1/239)


def arctan_of_one_over(n, unity):
    total = term = unity // n
    divisor, sign = 3, -1
    while term:
        term //= n * n
        total += sign * (term // divisor)
        divisor, sign = divisor + 2, -sign
    return total


unity = 10 ** (count + 10)
digits = str((16 * arctan_of_one_over(5, unity) - 4 * arctan_of_one_over(239, unity)) // 10 ** 11)
print(f"The first {count} digits of π are {digits[0]}.{digits[1:]}.")
