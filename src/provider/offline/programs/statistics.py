import statistics

numbers = [3, 5, 8]  # @
asked = "mean"  # @

values = {
    "count": len(numbers),
    "sum": sum(numbers),
    "mean": statistics.fmean(numbers),
    "median": statistics.median(numbers),
    "mode": ", ".join(f"{value:g}" for value in statistics.multimode(numbers)[:3]) if len(set(numbers)) < len(numbers) else "none",
    "minimum": min(numbers),
    "maximum": max(numbers),
    "range": max(numbers) - min(numbers),
    "standard deviation": statistics.stdev(numbers) if len(numbers) > 1 else 0,
    "variance": statistics.variance(numbers) if len(numbers) > 1 else 0,
}
values = {name: value if isinstance(value, str) else f"{value:.10g}" for name, value in values.items()}

print(f"The {asked} of the {len(numbers)} numbers is {values[asked]}.")
print()
for name, value in values.items():
    print(f"{name:<20}  {value}")
