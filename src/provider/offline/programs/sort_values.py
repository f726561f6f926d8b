values = [3, 1, 2]  # @
descending = False  # @

result = sorted(values, reverse=descending)
print(f"Sorted: {', '.join(map(str, result))}.")
