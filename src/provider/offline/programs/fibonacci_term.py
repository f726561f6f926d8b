place = 50  # @

previous, number = 0, 1
for _ in range(place - 1):
    previous, number = number, previous + number
number = number if place > 0 else 0

print(f"Fibonacci number {place:,} is {number}.")
