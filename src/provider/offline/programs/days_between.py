from datetime import date

first, second = date(2024, 1, 1), date(2024, 12, 25)  # @dates

days = (second - first).days
print(f"From {first:%A, %d %B %Y} to {second:%A, %d %B %Y} it is {days:,} days.")
if abs(days) >= 14:
    print(f"That is {abs(days) / 7:,.1f} weeks, {abs(days) / 30.437:,.1f} months or {abs(days) / 365.2425:,.2f} years.")
